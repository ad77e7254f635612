// Loads and installs a package over SCP02 with software we did not write (node-gp), through PC/SC
// (smartcard). Arguments: the reader, the package's AID, the applet's AID.

const { Devices } = require("smartcard");
const GlobalPlatform = require("node-gp");
const JSZip = require("jszip");

const [reader, packageAid, appletAid] = process.argv.slice(2);

// A component of a CAP file: tag, length, content.
function component(tag, ...parts) {
  const content = Buffer.concat(parts);
  const head = Buffer.alloc(3);
  head.writeUInt8(tag, 0);
  head.writeUInt16BE(content.length, 1);
  return Buffer.concat([head, content]);
}

function withLength(aid) {
  return Buffer.concat([Buffer.from([aid.length / 2]), Buffer.from(aid, "hex")]);
}

// The smallest CAP file that node-gp takes, but longer than one LOAD command: for a shorter one it
// never says which block is the last.
async function capFile() {
  const zip = new JSZip();
  const add = (name, bytes) => zip.file(`test/javacard/${name}.cap`, bytes);
  const magic = Buffer.from("DECAFFED010200" + "0001", "hex");
  add("Header", component(1, magic, withLength(packageAid)));
  add("Applet", component(3, Buffer.from([1]), withLength(appletAid), Buffer.from([0, 8])));
  add("Method", component(7, Buffer.alloc(600, 0x7A)));
  return JSZip.loadAsync(await zip.generateAsync({ type: "nodebuffer" }));
}

function check(condition, what) {
  if (!condition) throw new Error(what);
}

const listed = (entries) => entries.map((entry) => Buffer.from(entry.aid).toString("hex"));

async function work(card) {
  const gp = new GlobalPlatform(async (command) => Buffer.from(await card.transmit(command)));
  await gp.connect();
  const before = listed(await gp.getPackages());
  check(!before.includes(packageAid), `the package is there already: ${before}`);
  await gp.installAuto(await capFile());
  const packages = listed(await gp.getPackages());
  check(packages.includes(packageAid), `the package is not listed: ${packages}`);
  const applets = listed(await gp.getApplets());
  check(applets.includes(appletAid), `the applet is not listed: ${applets}`);
  console.log(`packages ${packages.join(" ")}`);
  console.log(`applets ${applets.join(" ")}`);
}

const devices = new Devices();
devices.on("error", (error) => console.error(error.message));
devices.on("card-inserted", async (event) => {
  if (event.reader.name !== reader) return;
  try {
    await work(event.card);
    process.exit(0);
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
});
devices.start();
