"""Asks the card what a trusted service manager asks, with software we did not write.

yubikit (package yubikey-manager) keeps the SCP03 channel, always at level 33; openssl computes tokens and
verifies receipts. Each task is a function; its name is the first argument. Whatever the card does
otherwise than expected ends the script.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from smartcard.System import readers
from ykman.pcsc import ScardSmartCardConnection
from yubikit.core import ApplicationNotAvailableError, BadResponseError
from yubikit.core.smartcard import ApduError
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, StaticKeys
from yubikit.securitydomain import SecurityDomainSession

READER = "Tongtu Test 00 00"
FIRST_KVN, NEW_KVN = 0xFF, 0x30
FIRST = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
FIRST_SET = StaticKeys(FIRST, FIRST, FIRST)
NEW_SET = StaticKeys(bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48)))
WRONG = bytes(16)

ISD = bytes.fromhex("A000000151000000")
DOMAIN_PACKAGE = bytes.fromhex("A0000001515350")
DOMAIN_MODULE = bytes.fromhex("A000000151535041")
DOMAIN = bytes.fromhex("D4D4D4D4D4010101")
PROVIDER = bytes.fromhex("D4D4D4D4D4020202")

INSTALL, DELETE, GET_STATUS, PUT_KEY = 0xE6, 0xE4, 0xF2, 0xD8


class Session:
    """A session with a security domain of the card, over PC/SC."""

    def __init__(self, aid=ISD):
        reader = next(one for one in readers() if str(one) == READER)
        self.connection = ScardSmartCardConnection(reader.createConnection())
        self.domain = SecurityDomainSession(self.connection)
        if aid != ISD:
            self.domain.protocol.select(aid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def authenticate(self, keys, kvn):
        self.domain.authenticate(Scp03KeyParams(ref=KeyRef(1, kvn), keys=keys))

    def send(self, ins, p1, p2, data):
        return self.domain.protocol.send_apdu(0x80, ins, p1, p2, data)

    def send_long(self, ins, p1, p2, data):
        """A command longer than 255 bytes, in GlobalPlatform's segments (P1.b8), which yubikit lacks.

        The channel works on the whole command, whose length then has three bytes.
        """
        length = len(data) // 16 * 16 + 16 + 8
        if length <= 255:
            return self.send(ins, p1, p2, data)
        state = self.domain.protocol._processor.state
        body = state.encrypt(data)
        header = bytes([0x84, ins, p1, p2, 0]) + length.to_bytes(2, "big")
        body += state.mac(header + body)
        while body:
            piece, body = body[:255], body[255:]
            more = 0x80 if body else 0x00
            apdu = bytes([0x84, ins, p1 | more, p2, len(piece)]) + piece + (b"" if body else b"\0")
            answer, sw = self.connection.send_and_receive(apdu)
            while sw >> 8 == 0x61:
                part, sw = self.connection.send_and_receive(bytes([0x00, 0xC0, 0x00, 0x00, sw & 0xFF]))
                answer += part
            if sw != 0x9000:
                raise ApduError(answer, sw)
        return state.decrypt(state.unmac(answer, sw)) if answer else answer

    def applications(self):
        """AIDs of the applications and domains that this one sees, with their states."""
        answer, p2 = b"", 0x02
        while True:
            try:
                answer += self.send(GET_STATUS, 0x40, p2, bytes.fromhex("4F00"))
                break
            except ApduError as error:
                if error.sw == 0x6A88:
                    return {}
                if error.sw != 0x6310:
                    raise
                answer, p2 = answer + error.data, 0x03
        entries = {}
        for tag, entry in tlvs(answer):
            assert tag == 0xE3, hex(tag)
            fields = dict(tlvs(entry))
            entries[fields[0x4F]] = fields[0x9F70]
        return entries


def tlvs(data):
    """The objects of a BER-TLV string."""
    found = []
    while data:
        size = 2 if data[0] & 0x1F == 0x1F else 1
        tag, data = int.from_bytes(data[:size], "big"), data[size:]
        length, data = data[0], data[1:]
        if length > 0x80:
            size = length - 0x80
            length, data = int.from_bytes(data[:size], "big"), data[size:]
        found.append((tag, data[:length]))
        data = data[length:]
    return found


def lv(value):
    if len(value) < 0x80:
        return bytes([len(value)]) + value
    if len(value) < 0x100:
        return bytes([0x81, len(value)]) + value
    return b"\x82" + len(value).to_bytes(2, "big") + value


def cut(data):
    """A length-value field from the front, and the rest."""
    length, data = data[0], data[1:]
    if length > 0x80:
        size = length - 0x80
        length, data = int.from_bytes(data[:size], "big"), data[size:]
    return data[:length], data[length:]


def refused(what, action, *words):
    """The action must fail; with an answer of the card, by one of these status words."""
    try:
        action()
    except ApduError as error:
        assert not words or error.sw in words, f"{what}: {error}"
    except (ApplicationNotAvailableError, BadResponseError, ValueError):
        assert not words, f"{what}: refused by the host, expected {words}"
    else:
        raise AssertionError(f"{what}: accepted")


def any_set():
    """The set that the card has now: new keys, or those it came with.

    Not to be asked inside another session: closing one takes the card's power.
    """
    with Session() as session:
        known = {key.kvn for key in session.domain.get_key_information()}
    return (NEW_SET, NEW_KVN) if NEW_KVN in known else (FIRST_SET, FIRST_KVN)


def keys():
    """Puts a key set in place of the first one; wrong keys get nowhere and break nothing."""
    with Session() as session:
        information = session.domain.get_key_information()
        assert any(0x88 in types for types in information.values()), information
        assert session.domain.get_card_recognition_data()
    wrong_mac = StaticKeys(FIRST, WRONG, FIRST)
    with Session() as session:
        refused("wrong MAC key", lambda: session.authenticate(wrong_mac, FIRST_KVN))
    with Session() as session:
        # SCP03 authenticates by the MAC key alone; the first enciphered command shows the rest.
        session.authenticate(StaticKeys(WRONG, FIRST, FIRST), FIRST_KVN)
        refused("wrong ENC key", session.applications, 0x6982)
        refused("after a security error", session.applications)
    with Session() as session:
        refused("not authenticated", session.applications, 0x6982)
    with Session() as session:
        session.authenticate(FIRST_SET, FIRST_KVN)
        session.domain.put_key(KeyRef(1, NEW_KVN), NEW_SET)
        information = session.domain.get_key_information()
        for kid in (1, 2, 3):
            assert information[KeyRef(kid, NEW_KVN)] == {0x88: 16}, information
    again()
    with Session() as session:
        refused("old keys", lambda: session.authenticate(FIRST_SET, NEW_KVN))
    again()


def again():
    """Authenticates with the set that `keys` put."""
    with Session() as session:
        session.authenticate(NEW_SET, NEW_KVN)
        status = session.send(GET_STATUS, 0x80, 0x02, bytes.fromhex("4F00"))
        (tag, entry), = tlvs(status)
        assert tag == 0xE3 and dict(tlvs(entry))[0x4F] == ISD, status.hex()


def create_domain(session, aid, privileges, parameters=b"\xC9\x00"):
    fields = lv(DOMAIN_PACKAGE) + lv(DOMAIN_MODULE) + lv(aid) + lv(privileges)
    return session.send(INSTALL, 0x0C, 0x00, fields + lv(parameters) + lv(b""))


def domains():
    """Creates a supplementary security domain, finds it, and deletes it."""
    issuer = any_set()
    with Session() as session:
        session.authenticate(*issuer)
        before = session.applications()
        assert DOMAIN not in before, before
        assert create_domain(session, DOMAIN, bytes.fromhex("80C000")) == b"\0"
        assert session.applications()[DOMAIN] == b"\x07"
        refused("the same AID twice", lambda: create_domain(session, DOMAIN, bytes.fromhex("80C000")))
    with Session(DOMAIN):
        pass
    with Session() as session:
        session.authenticate(*issuer)
        assert session.send(DELETE, 0x00, 0x00, b"\x4F" + lv(DOMAIN)) == b"\0"
        assert session.applications() == before
        refused("deleted", lambda: session.domain.protocol.select(DOMAIN))


def openssl(*words, data=b""):
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout


def cmac(key, data):
    words = ["mac", "-binary", "-cipher", "AES-128-CBC", "-macopt", f"hexkey:{key.hex()}", "CMAC"]
    return openssl(*words, data=data)


def aes(key, data, iv=None):
    mode = modes.CBC(iv) if iv else modes.ECB()  # noqa: S305
    encryptor = Cipher(algorithms.AES(key), mode).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def put_aes_key(session, dek, kvn, key):
    """One AES key of 16 bytes with key id 1, in the place of none."""
    value = b"\x88" + lv(b"\x10" + aes(dek, key, bytes(16))) + lv(aes(key, b"\x01" * 16)[:3])
    answer = session.send(PUT_KEY, 0x00, 0x01, bytes([kvn]) + value)
    assert answer == bytes([kvn]) + aes(key, b"\x01" * 16)[:3], answer.hex()


class Delegation:
    """Tokens by openssl, with a key that the card knows as KVN 70, and receipts of KVN 71 that openssl verifies.

    `put` gives the card what verifies tokens, `put_receipt` what signs receipts.
    """

    TOKEN_KVN, RECEIPT_KVN = 0x70, 0x71

    def token(self, p1, p2, fields):
        length = len(fields)
        lc = bytes([length]) if length <= 255 else b"\0" + length.to_bytes(2, "big")
        return self.sign(bytes([p1, p2]) + lc + fields)

    def check(self, confirmation, operation):
        """A confirmation: length, receipt, then what the receipt covers besides the operation.

        Gives the confirmation counter.
        """
        whole, nothing = cut(confirmation)
        assert not nothing, confirmation.hex()
        receipt, data = cut(whole)
        assert data[0] == 2, data.hex()
        assert self.proves(data + operation, receipt), confirmation.hex()
        assert not self.proves(data + operation + b"\0", receipt)
        return int.from_bytes(data[1:3], "big")


class Cmac(Delegation):
    """AES-128 CMAC, 16 bytes."""

    KEY = bytes(range(0x50, 0x60))
    RECEIPT_KEY = bytes(range(0x60, 0x70))

    def put(self, session, dek):
        put_aes_key(session, dek, self.TOKEN_KVN, self.KEY)

    def put_receipt(self, session, dek):
        put_aes_key(session, dek, self.RECEIPT_KVN, self.RECEIPT_KEY)

    def sign(self, data):
        return cmac(self.KEY, data)

    def proves(self, data, receipt):
        return receipt == cmac(self.RECEIPT_KEY, data)


class Asymmetric(Delegation):
    """Two key pairs in files: `file` makes tokens, `receipt_file` is given to the card."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.file, self.receipt_file = self.path("key.pem"), self.path("receipt.pem")
        for file in (self.file, self.receipt_file):
            openssl("genpkey", *self.GENERATE, "-out", file)

    def path(self, name):
        return str(Path(self.folder.name, name))

    def sign(self, data):
        return openssl("dgst", *self.SCHEME, "-sign", self.file, data=data)

    def proves(self, data, receipt):
        Path(self.path("receipt")).write_bytes(receipt)
        public = self.path("receipt.pub")
        openssl("pkey", "-in", self.receipt_file, "-pubout", "-out", public)
        words = ["dgst", *self.SCHEME, "-verify", public, "-signature", self.path("receipt")]
        return subprocess.run(["openssl", *words], input=data, capture_output=True).returncode == 0


class RsaPss(Asymmetric):
    """RSA 2048, PSS with SHA-256 and a salt of 32 bytes."""

    GENERATE = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    SCHEME = ["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]

    def put(self, session, dek):
        said = openssl("rsa", "-in", self.file, "-noout", "-modulus").decode()
        modulus = bytes.fromhex(said.strip().removeprefix("Modulus="))
        value = b"\xA1" + lv(modulus) + b"\xA0" + lv(bytes.fromhex("010001")) + b"\0"
        session.send_long(PUT_KEY, 0x00, 0x01, bytes([self.TOKEN_KVN]) + value)

    def put_receipt(self, session, dek):
        key = load_pem_private_key(Path(self.receipt_file).read_bytes(), None).private_numbers()
        p, q = (aes(dek, prime.to_bytes(128, "big"), bytes(16)) for prime in (key.p, key.q))
        value = b"\xA4" + lv(p) + b"\xA5" + lv(q) + b"\xA0" + lv(bytes.fromhex("010001")) + b"\0"
        session.send_long(PUT_KEY, 0x00, 0x01, bytes([self.RECEIPT_KVN]) + value)


class Sm2(Asymmetric):
    """SM2 over SM3 with the default identifier, r and s of 32 bytes; the curve's number is the card's own."""

    CURVE = 0x40
    GENERATE = ["-algorithm", "SM2"]
    SCHEME = ["-sm3", "-sigopt", "distid:1234567812345678"]

    def put(self, session, dek):
        point = openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")[-65:]
        value = b"\xB0" + lv(point) + b"\xF0\x01" + bytes([self.CURVE]) + b"\0"
        session.send(PUT_KEY, 0x00, 0x01, bytes([self.TOKEN_KVN]) + value)

    def put_receipt(self, session, dek):
        said = openssl("pkey", "-in", self.receipt_file, "-noout", "-text").decode()
        scalar = "".join(said.split("priv:")[1].split("pub:")[0].replace(":", "").split())
        scalar = int(scalar, 16).to_bytes(32, "big")
        value = b"\xB1" + lv(aes(dek, scalar, bytes(16))) + b"\xF0\x01" + bytes([self.CURVE]) + b"\0"
        session.send(PUT_KEY, 0x00, 0x01, bytes([self.RECEIPT_KVN]) + value)

    def sign(self, data):
        (_, pair), = tlvs(super().sign(data))
        return b"".join(number.lstrip(b"\0").rjust(32, b"\0") for _, number in tlvs(pair))

    def proves(self, data, receipt):
        assert len(receipt) == 64, receipt.hex()
        numbers = (int.from_bytes(half, "big") for half in (receipt[:32], receipt[32:]))
        integers = (number.to_bytes(number.bit_length() // 8 + 1, "big") for number in numbers)
        return super().proves(data, b"\x30" + lv(b"".join(b"\2" + lv(one) for one in integers)))


def delegate(delegation):
    """A provider's domain with delegated management installs and deletes by tokens alone."""
    issuer, kvn = any_set()
    with Session() as session:
        session.authenticate(issuer, kvn)
        delegation.put(session, issuer.key_dek)
        delegation.put_receipt(session, issuer.key_dek)
        create_domain(session, PROVIDER, bytes.fromhex("A00000"))
    with Session(PROVIDER) as session:
        # A domain without keys is reached with those of the domain that made it.
        session.authenticate(issuer, kvn)
        session.domain.put_key(KeyRef(1, NEW_KVN), NEW_SET)
    with Session(PROVIDER) as session:
        session.authenticate(NEW_SET, NEW_KVN)
        fields = lv(DOMAIN_PACKAGE) + lv(DOMAIN_MODULE) + lv(DOMAIN) + lv(b"\x80") + lv(b"\xC9\x00")
        token = delegation.token(0x0C, 0x00, fields)
        bad = token[:-1] + bytes([token[-1] ^ 1])
        refused("no token", lambda: session.send(INSTALL, 0x0C, 0x00, fields + lv(b"")))
        refused("a wrong token", lambda: session.send_long(INSTALL, 0x0C, 0x00, fields + lv(bad)))
        answer = session.send_long(INSTALL, 0x0C, 0x00, fields + lv(token))
        first = delegation.check(answer, lv(DOMAIN_PACKAGE) + lv(DOMAIN))
        fields = b"\x4F" + lv(DOMAIN)
        token = delegation.token(0x00, 0x00, fields)
        answer = session.send_long(DELETE, 0x00, 0x00, fields + b"\x9E" + lv(token))
        assert delegation.check(answer, lv(DOMAIN)) == first + 1
    with Session() as session:
        session.authenticate(issuer, kvn)
        assert DOMAIN not in session.applications()


def delegate_by_cmac():
    delegate(Cmac())


def delegate_by_rsa():
    delegate(RsaPss())


def delegate_by_sm2():
    delegate(Sm2())


def round_trips():
    """Measures a short command through the whole of PC/SC, this script's own time included."""
    with Session() as session:
        command = bytes.fromhex("80CA9F7F00")
        session.connection.send_and_receive(command)
        times = []
        for _ in range(300):
            start = time.perf_counter()
            session.connection.send_and_receive(command)
            times.append(time.perf_counter() - start)
    times.sort()
    median, most = times[len(times) // 2], times[len(times) * 99 // 100]
    print(f"round trip through pcscd: median {median * 1e3:.2f} ms, 99 of 100 within {most * 1e3:.2f} ms")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    print(f"{sys.argv[1]}: done")
