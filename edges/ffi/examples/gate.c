/* A device in C that takes cards, codes and faces, makes up for incomplete rides, and uploads.
 *
 *   gate bus|entry|exit|counter FOLDER LIST_KEY SAM_KEY
 *
 * Whoever runs it plays the world around it, over stdin and stdout. A line in is an event:
 *
 *   time UNIX              the time server says so, ten seconds after what was said last
 *   lists FILE             list bundle          blacklist FILE   file of the card blacklist
 *   authority FILE         RID 5, index 1, kind 1 (1 RSA, 2 SM2), lengths of key, exponent and check
 *                          value 2 each, then the three
 *   gallery FILE           enrolled faces       withdraw HEX     a rider's handle: consent is gone
 *   card                   a card is in the field; lines "> HEX" go out to it, its answers come back
 *                          as lines of hex, an empty one for a card that left
 *   makeup KIND FEN        a card is on the counter
 *   code FILE              a ride code was read
 *   face HEX LIVE QUALITY  one face before the camera; HEX is what the extractor made of it
 *   digits DDDD            the rider typed them
 *   notice HEX             from another terminal of the station
 *   upload                 a moment for the network
 *
 * and ends with the input. What a maker replaces: this loop, the reader, the matcher, the seed.
 * Everything that must outlast a power cut is in FOLDER.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tongtu_terminal.h"

static uint64_t terminal;
static int64_t now = TT_NO_TIME;
static uint64_t tick_ms = 1000;
static int has_faces;
static char folder[512];

/* Ends the program where the library says no and nothing can be done about it. */
static void must(int32_t code, const char *what)
{
    char words[TT_TEXT_MAX];
    size_t len;
    if (code == TT_OK)
        return;
    if (tt_last_error(TT_LANG_EN, words, sizeof words, &len) != TT_OK)
        words[0] = 0;
    fprintf(stderr, "gate: %s: %d %s\n", what, (int)code, words);
    exit(1);
}

/* A list that is refused is no reason to stop: the old one counts on. */
static int taken(int32_t code, const char *what)
{
    char words[TT_TEXT_MAX];
    size_t len;
    if (code == TT_OK)
        return 1;
    must(tt_error_text(code, TT_LANG_ZH, words, sizeof words, &len), "words");
    printf("%s refused: %s\n", what, words);
    return 0;
}

static void fail(const char *what)
{
    fprintf(stderr, "gate: %s\n", what);
    exit(3);
}

/* Bytes ------------------------------------------------------------------- */

static size_t unhex(const char *text, uint8_t *out, size_t room)
{
    size_t len = 0;
    unsigned byte;
    while (len < room && isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1])) {
        sscanf(text, "%2x", &byte);
        out[len++] = (uint8_t)byte;
        text += 2;
    }
    return len;
}

static void put_hex(const char *head, const uint8_t *bytes, size_t len)
{
    fputs(head, stdout);
    for (size_t at = 0; at < len; at++)
        printf("%02X", bytes[at]);
    putchar('\n');
}

static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes;
    long size;
    if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
        fail(path);
    rewind(file);
    bytes = malloc(size ? (size_t)size : 1);
    if (!bytes)
        fail("no memory");
    *len = fread(bytes, 1, (size_t)size, file);
    fclose(file);
    return bytes;
}

static const char *in_folder(const char *name)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* The prompt --------------------------------------------------------------- */

static void prompt(uint32_t light)
{
    static const char *const lamps[] = {"dark", "green", "amber", "red"};
    char text[TT_TEXT_MAX];
    size_t len;
    printf("lamp %s\n", light < 4 ? lamps[light] : "?");
    for (uint32_t lang = TT_LANG_ZH; lang <= TT_LANG_EN; lang++) {
        if (tt_prompt_voice(terminal, lang, text, sizeof text, &len) != TT_OK)
            return;
        printf("say  %s\n", text);
    }
    must(tt_prompt_display(terminal, TT_LANG_ZH, text, sizeof text, &len), "display");
    for (char *row = strtok(text, "\n"); row; row = strtok(NULL, "\n"))
        printf("show %s\n", row);
}

static void tell(uint32_t light, uint64_t seq)
{
    uint8_t notice[TT_TEXT_MAX];
    size_t len;
    prompt(light);
    if (seq)
        must(tt_told(terminal, seq), "told");
    while (tt_notice_next(terminal, notice, sizeof notice, &len) == TT_OK)
        put_hex("notice ", notice, len);
}

/* Cards --------------------------------------------------------------------- */

static void dialogue(tt_ask_t *ask)
{
    char line[1100];
    uint8_t answer[264];
    size_t len;
    while (ask->kind == TT_ASK_CARD) {
        put_hex("> ", ask->data, ask->len);
        fflush(stdout);
        len = fgets(line, sizeof line, stdin) ? unhex(line, answer, sizeof answer) : 0;
        must(tt_next(terminal, len >= 2 ? TT_HEARD : TT_LOST, answer, len, ask), "next");
    }
}

static void card_gone(void)
{
    tt_tap_end_t end = {.struct_size = sizeof end};
    must(tt_tap_end(terminal, &end), "end of the tap");
    printf("tap outcome %u, paid by %u, fare %" PRId64 ", record %" PRIu64 "\n", end.outcome,
           end.paid_by, end.fare_fen == TT_NO_AMOUNT ? 0 : end.fare_fen, end.seq);
    tell(end.light, end.seq);
}

static void card(void)
{
    tt_ask_t ask = {.struct_size = sizeof ask};
    must(tt_tap_begin(terminal, now, &ask), "tap");
    dialogue(&ask);
    card_gone();
}

static void makeup(const char *args)
{
    tt_ask_t ask = {.struct_size = sizeof ask};
    tt_make_up_t what = {.struct_size = sizeof what};
    if (sscanf(args, "%u %" SCNd64, &what.kind, &what.amount_fen) != 2)
        fail("makeup wants kind and fen");
    must(tt_make_up_begin(terminal, now, &what, &ask), "make-up");
    dialogue(&ask);
    card_gone();
}

/* Codes --------------------------------------------------------------------- */

static void code(const char *path)
{
    tt_scan_end_t end = {.struct_size = sizeof end};
    size_t len;
    uint8_t *bytes = read_file(path, &len);
    must(tt_scan(terminal, now, bytes, len, &end), "scan");
    free(bytes);
    printf("scan outcome %u, R%02u, record %" PRIu64 "\n", end.outcome, end.verdict, end.seq);
    tell(end.light, end.seq);
}

/* Faces: a matcher that counts equal bytes; yours knows more ----------------- */

static int32_t compare(void *user, const uint8_t *probe, size_t probe_len, const uint8_t *enrolled,
                       size_t enrolled_len, uint32_t *score)
{
    unsigned *compared = user;
    size_t same = 0;
    if (probe_len == 0 || probe_len != enrolled_len)
        return 1;
    for (size_t at = 0; at < probe_len; at++)
        same += probe[at] == enrolled[at];
    *score = (uint32_t)(same * 10000 / probe_len);
    ++*compared;
    return 0;
}

static void seen(const tt_face_end_t *end)
{
    printf("face outcome %u, why %u, consent %u, record %" PRIu64 "\n", end->outcome, end->why,
           end->consent, end->seq);
    tell(end->light, end->seq);
}

static void face(char *args)
{
    tt_face_end_t end = {.struct_size = sizeof end};
    tt_capture_t capture = {.struct_size = sizeof capture, .faces = 1};
    uint8_t probe[512];
    char *rest = strchr(args, ' ');
    if (!rest || sscanf(rest, "%u %u", &capture.liveness, &capture.quality) != 2)
        fail("face wants a probe, liveness and quality");
    capture.probe = probe;
    capture.probe_len = unhex(args, probe, sizeof probe);
    must(tt_face_look(terminal, now, &capture, &end), "look");
    seen(&end);
}

static void digits(const char *typed)
{
    tt_face_end_t end = {.struct_size = sizeof end};
    must(tt_face_digits(terminal, now, typed, &end), "digits");
    seen(&end);
}

/* Withdrawals before all: what lies in the folder must not know the rider any more. */
static void keep_gallery(void)
{
    size_t len = 0;
    uint8_t *bytes;
    FILE *file;
    if (tt_gallery_keep(terminal, NULL, 0, &len) != TT_ERR_SHORT)
        return; /* there is none */
    bytes = malloc(len);
    if (!bytes)
        fail("no memory");
    must(tt_gallery_keep(terminal, bytes, len, &len), "keep the gallery");
    file = fopen(in_folder("gallery"), "wb");
    if (!file || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
        fail("cannot keep the gallery");
    free(bytes);
}

static void gallery(const char *path)
{
    size_t len;
    uint8_t *bytes = read_file(path, &len);
    taken(tt_gallery_update(terminal, bytes, len), "gallery");
    /* In any case: whoever it forgets is forgotten even where the rest was refused. */
    keep_gallery();
    free(bytes);
}

static void withdraw(const char *hex)
{
    uint8_t handle[16];
    uint32_t gone;
    if (unhex(hex, handle, sizeof handle) != sizeof handle)
        fail("a handle has 16 bytes");
    must(tt_gallery_withdraw(terminal, handle, 1, &gone), "withdraw");
    keep_gallery();
    printf("withdrawn %u\n", gone);
}

/* Lists --------------------------------------------------------------------- */

static void lists(const char *path)
{
    size_t len;
    uint8_t *bytes = read_file(path, &len);
    taken(tt_apply_lists(terminal, now, bytes, len), "lists");
    free(bytes);
}

/* A file is not read into memory, however long the list is. */
static int32_t read_at(void *user, uint64_t at, uint8_t *out, size_t len)
{
    FILE *file = user;
    return fseek(file, (long)at, SEEK_SET) != 0 || fread(out, 1, len, file) != len;
}

static void blacklist(const char *path)
{
    tt_source_t source = {.struct_size = sizeof source, .read = read_at};
    uint64_t version;
    FILE *file = fopen(path, "rb");
    long size;
    if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
        fail(path);
    source.len = (uint64_t)size;
    source.user = file;
    if (taken(tt_blacklist_take(terminal, now, &source, &version), "blacklist"))
        printf("blacklist %" PRIu64 "\n", version);
    fclose(file);
}

static void authority(const char *path)
{
    tt_authority_t key = {.struct_size = sizeof key, .version = 1, .expires = {0x20, 0x35, 0x12, 0x31}};
    size_t len;
    uint8_t *bytes = read_file(path, &len);
    if (len < 13)
        fail("no authority");
    memcpy(key.rid, bytes, sizeof key.rid);
    key.index = bytes[5];
    key.kind = bytes[6];
    key.key_len = (size_t)bytes[7] << 8 | bytes[8];
    key.exponent_len = (size_t)bytes[9] << 8 | bytes[10];
    key.check_len = (size_t)bytes[11] << 8 | bytes[12];
    if (len != 13 + key.key_len + key.exponent_len + key.check_len)
        fail("no authority");
    key.key = bytes + 13;
    key.exponent = key.key + key.key_len;
    key.check = key.exponent + key.exponent_len;
    taken(tt_authority_take(terminal, &key), "authority");
    free(bytes);
}

static void notice(const char *hex)
{
    uint8_t bytes[TT_TEXT_MAX];
    size_t len = unhex(hex, bytes, sizeof bytes);
    taken(tt_notice_take(terminal, now, bytes, len), "notice");
}

/* Clock and network ------------------------------------------------------------ */

static void tell_time(const char *text)
{
    tt_heard_t heard = {.struct_size = sizeof heard};
    tt_clock_t clock = {.struct_size = sizeof clock};
    uint32_t closed, gone;
    tick_ms += 10000;
    must(tt_clock_read(terminal, TT_CLOCK_NTP, strtoll(text, NULL, 10), tick_ms, &heard), "time");
    must(tt_clock_now(terminal, tick_ms, &clock), "clock");
    now = clock.now;
    printf("clock heard %u, fault %u\n", heard.kind, clock.fault);
    must(tt_close_stale(terminal, now, &closed), "stale");
    if (has_faces) {
        must(tt_gallery_expire(terminal, now, &gone), "expire");
        if (gone)
            keep_gallery();
    }
}

/* To an acquirer who has everything at once. */
static void upload(void)
{
    tt_upload_t batch = {.struct_size = sizeof batch};
    tt_record_t record = {.struct_size = sizeof record};
    tt_status_t status = {.struct_size = sizeof status};
    uint8_t bytes[TT_RECORD_MAX];
    uint64_t seqs[64];
    size_t len, faces_len = 0, sent = 0;
    must(tt_upload_begin(terminal, now, &batch), "upload");
    while (batch.kind == TT_UPLOAD_SEND && sent < 64 &&
           tt_upload_next(terminal, &record, bytes, sizeof bytes, &len) == TT_OK)
        seqs[sent++] = record.seq;
    if (sent)
        must(tt_upload_answered(terminal, seqs, sent), "answered");
    must(tt_coverage(terminal, now, bytes, sizeof bytes, &len), "coverage");
    if (has_faces)
        must(tt_gallery_report(terminal, now, bytes, sizeof bytes, &faces_len), "gallery report");
    must(tt_status(terminal, now, &status), "status");
    printf("sent %zu records, reports of %zu and %zu bytes; %" PRIu64 " wait, days left %" PRId64
           "\n", sent, len, faces_len, status.waiting, status.days_left);
}

/* What is put up ----------------------------------------------------------------- */

static void put_up(const char *kind, const char *list_key, const char *sam_key)
{
    static unsigned compared;
    static uint8_t key[32];
    tt_rules_t rules = {.struct_size = sizeof rules};
    tt_setup_t setup = {
        .struct_size = sizeof setup,
        .abi = TT_ABI,
        .acquirer = "11345810",
        .terminal = "581000000007",
        .model = "TT-GATE1",
        .terminal_id = "GZ000007",
        .software = "0.1_260101",
        .serial = {0, 0, 0, 7},
        .acceptor = {0x12, 0x90, 0x58, 0x10, 0xFF, 0xFF, 0xFF, 0xFF},
        .city = {0x58, 0x10},
        .operator_code = {0x30, 0x00},
        .post = {.line = "METRO", .station = "0109", .card_line = {1, 0}},
        .psam = TT_PSAM_TEST_FLAT,
        .psam_first_sequence = 1,
        .test_key = key,
        .rules = &rules,
    };
    tt_cash_t cash = {.struct_size = sizeof cash, .issuers = "6217"};
    tt_face_t face = {.struct_size = sizeof face};
    uint64_t version;
    uint32_t refused;
    FILE *kept;

    if (strcmp(kind, "bus") == 0) {
        setup.post.kind = TT_POST_BUS;
        setup.post.line = "B00001";
        setup.post.station = NULL;
        setup.post.vehicle = "A1234";
    } else if (strcmp(kind, "entry") == 0) {
        setup.post.kind = TT_POST_ENTRY;
        setup.post.station = "0101";
    } else {
        setup.post.kind = strcmp(kind, "exit") == 0 ? TT_POST_EXIT : TT_POST_COUNTER;
    }
    must(tt_rules_usual(&rules), "rules");
    rules.lock = TT_LOCK_NOT;
    if (unhex(list_key, setup.list_key, sizeof setup.list_key) != sizeof setup.list_key ||
        unhex(sam_key, key, sizeof key) != sizeof key)
        fail("keys of 33 and 32 bytes");
    setup.journal = in_folder("journal");
    must(tt_open(&setup, &terminal), "open");

    /* For the workbench: yours comes from a source of randomness. */
    memset(cash.seed, 7, sizeof cash.seed);
    must(tt_cash_serve(terminal, &cash), "e-cash");
    if (setup.post.kind != TT_POST_COUNTER) {
        must(tt_face_usual(&face), "faces");
        face.matcher.user = &compared;
        face.matcher.compare = compare;
        memcpy(face.matcher.id, "BYTES001", sizeof face.matcher.id);
        memset(face.seal_key, 1, sizeof face.seal_key);
        memset(face.own_key, 2, sizeof face.own_key);
        memset(face.seed, 8, sizeof face.seed);
        must(tt_face_open(terminal, &face), "faces");
        has_faces = 1;
        kept = fopen(in_folder("gallery"), "rb");
        if (kept) {
            size_t len;
            uint8_t *bytes;
            fclose(kept);
            bytes = read_file(in_folder("gallery"), &len);
            taken(tt_gallery_restore(terminal, bytes, len), "gallery");
            free(bytes);
        }
    }
    /* What lies in the folder is as old as it was; 0, because there is no clock yet. */
    taken(tt_lists_open(terminal, 0, in_folder("lists")), "lists");
    must(tt_blacklist_open(terminal, 0, in_folder("blacklist"), NULL, &version, &refused),
         "blacklist");
    printf("ready, blacklist %" PRIu64 "%s\n", version, refused ? ", incomplete" : "");
}

int main(int argc, char **argv)
{
    char line[2048];
    if (tt_abi() != TT_ABI)
        fail("the library is of another version than the header");
    if (argc != 5 || strlen(argv[2]) >= sizeof folder)
        fail("usage: gate bus|entry|exit|counter FOLDER LIST_KEY SAM_KEY");
    strcpy(folder, argv[2]);
    put_up(argv[1], argv[3], argv[4]);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        static const struct {
            const char *name;
            void (*run)(const char *args);
        } events[] = {
            {"time", tell_time}, {"lists", lists},   {"blacklist", blacklist},
            {"authority", authority}, {"gallery", gallery}, {"withdraw", withdraw},
            {"makeup", makeup}, {"code", code},      {"digits", digits},
            {"notice", notice},
        };
        size_t known = sizeof events / sizeof events[0], at = 0;
        char *args;
        line[strcspn(line, "\n")] = 0;
        args = line + strcspn(line, " ");
        if (*args)
            *args++ = 0;
        while (at < known && strcmp(line, events[at].name) != 0)
            at++;
        if (at < known)
            events[at].run(args);
        else if (strcmp(line, "card") == 0)
            card();
        else if (strcmp(line, "face") == 0)
            face(args);
        else if (strcmp(line, "upload") == 0)
            upload();
        else
            fail(line);
        puts("ok");
        fflush(stdout);
    }
    must(tt_close(terminal), "close");
    return 0;
}
