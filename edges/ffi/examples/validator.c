/* A bus validator in C: taps a card, scans a ride code, speaks Chinese and English, uploads.
 *
 *   validator --lists FILE --list-key HEX --sam-key HEX --journal FILE --now UNIX
 *             [--code FILE]... [--reader NAME | --stdio] [--taps N]
 *
 * The card is in a PC/SC reader (--reader), or whoever runs this program plays it (--stdio): a
 * command is a line "> HEX" to stdout, the answer a line of hex from stdin, an empty line a card
 * that left. What a maker replaces: the reader, the clock, the lamp and the loudspeaker, the
 * upload. The PSAM is the soft one with test keys, so only test cards ride here; with
 * TT_PSAM_SLOT, TT_ASK_PSAM is answered as TT_ASK_CARD is here, from the module's slot.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tongtu_terminal.h"

static void fail(const char *what)
{
    fprintf(stderr, "validator: %s\n", what);
    exit(3);
}

/* Ends the program where the library says no. */
static void must(int32_t code, const char *what)
{
    char words[TT_TEXT_MAX];
    size_t len;
    if (code == TT_OK)
        return;
    if (tt_last_error(TT_LANG_EN, words, sizeof words, &len) != TT_OK)
        words[0] = 0;
    fprintf(stderr, "validator: %s: %d %s\n", what, (int)code, words);
    exit(1);
}

/* Hex ------------------------------------------------------------------- */

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* How many bytes a line of hex has; at most `room`. */
static size_t unhex(const char *text, uint8_t *out, size_t room)
{
    size_t len = 0;
    while (len < room && digit(text[0]) >= 0 && digit(text[1]) >= 0) {
        out[len++] = (uint8_t)(digit(text[0]) * 16 + digit(text[1]));
        text += 2;
    }
    return len;
}

static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    size_t room = 0, got;
    *len = 0;
    if (!file)
        fail(path);
    do {
        if (*len == room) {
            room = room ? room * 2 : 65536;
            bytes = realloc(bytes, room);
            if (!bytes)
                fail("no memory");
        }
        got = fread(bytes + *len, 1, room - *len, file);
        *len += got;
    } while (got > 0);
    fclose(file);
    return bytes;
}

/* The card's side: PC/SC, without its headers ---------------------------- */

typedef struct {
    unsigned long protocol, len;
} io_request;

static struct {
    void *library;
    long context, card;
    unsigned long protocol;
    long (*establish)(unsigned long, const void *, const void *, long *);
    long (*connect)(long, const char *, unsigned long, unsigned long, long *, unsigned long *);
    long (*transmit)(long, const io_request *, const uint8_t *, unsigned long, io_request *,
                     uint8_t *, unsigned long *);
    long (*disconnect)(long, unsigned long);
} pcsc;

/* POSIX lets dlsym give functions; ISO C has no cast for it. */
static void find(void *slot, const char *name)
{
    void *found = dlsym(pcsc.library, name);
    if (!found)
        fail(name);
    memcpy(slot, &found, sizeof found);
}

static void pcsc_start(void)
{
    pcsc.library = dlopen("libpcsclite.so.1", RTLD_NOW);
    if (!pcsc.library)
        fail("libpcsclite.so.1 is not there");
    find(&pcsc.establish, "SCardEstablishContext");
    find(&pcsc.connect, "SCardConnect");
    find(&pcsc.transmit, "SCardTransmit");
    find(&pcsc.disconnect, "SCardDisconnect");
    if (pcsc.establish(2 /* system */, NULL, NULL, &pcsc.context) != 0)
        fail("no card service");
}

static void pcsc_card(const char *reader)
{
    if (pcsc.connect(pcsc.context, reader, 2 /* shared */, 3 /* T=0 or T=1 */, &pcsc.card,
                     &pcsc.protocol) != 0)
        fail("no card in the reader");
}

static uint32_t pcsc_send(const uint8_t *command, size_t len, uint8_t *answer, size_t *answer_len)
{
    io_request request = {pcsc.protocol, sizeof(io_request)};
    unsigned long got = *answer_len;
    if (pcsc.transmit(pcsc.card, &request, command, len, NULL, answer, &got) != 0)
        return TT_LOST;
    *answer_len = got;
    return TT_HEARD;
}

/* The card's side: somebody at the other end of a pipe ------------------- */

static uint32_t stdio_send(const uint8_t *command, size_t len, uint8_t *answer, size_t *answer_len)
{
    char line[1100];
    printf("> ");
    for (size_t at = 0; at < len; at++)
        printf("%02X", command[at]);
    printf("\n");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        return TT_LOST;
    *answer_len = unhex(line, answer, *answer_len);
    return *answer_len >= 2 ? TT_HEARD : TT_LOST;
}

/* The terminal ------------------------------------------------------------ */

static void prompt(uint64_t terminal, uint32_t light)
{
    static const char *const lamps[] = {"dark", "green", "amber", "red"};
    static const uint32_t langs[] = {TT_LANG_ZH, TT_LANG_EN};
    char text[TT_TEXT_MAX];
    size_t len;
    printf("lamp %s\n", light < 4 ? lamps[light] : "?");
    for (int at = 0; at < 2; at++) {
        if (tt_prompt_voice(terminal, langs[at], text, sizeof text, &len) != TT_OK)
            return;
        printf("say  %s\n", text);
        must(tt_prompt_display(terminal, langs[at], text, sizeof text, &len), "display");
        for (char *row = strtok(text, "\n"); row; row = strtok(NULL, "\n"))
            printf("show %s\n", row);
    }
}

static void tap(uint64_t terminal, int64_t now, int by_pcsc)
{
    tt_ask_t ask = {.struct_size = sizeof ask};
    tt_tap_end_t end = {.struct_size = sizeof end};
    uint8_t answer[258];
    struct timespec from, to;

    clock_gettime(CLOCK_MONOTONIC, &from);
    must(tt_tap_begin(terminal, now, &ask), "tap");
    while (ask.kind == TT_ASK_CARD) {
        size_t len = sizeof answer;
        uint32_t heard = by_pcsc ? pcsc_send(ask.data, ask.len, answer, &len)
                                 : stdio_send(ask.data, ask.len, answer, &len);
        must(tt_next(terminal, heard, answer, heard == TT_HEARD ? len : 0, &ask), "tap");
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    must(tt_tap_end(terminal, &end), "end of the tap");
    printf("tap  outcome %u, record %llu, %u commands, %ld us\n", end.outcome,
           (unsigned long long)end.seq, end.card_commands,
           (to.tv_sec - from.tv_sec) * 1000000L + (to.tv_nsec - from.tv_nsec) / 1000);
    prompt(terminal, end.light);
    if (end.seq)
        must(tt_told(terminal, end.seq), "told");
}

static void scan(uint64_t terminal, int64_t now, const char *path)
{
    tt_scan_end_t end = {.struct_size = sizeof end};
    size_t len;
    uint8_t *code = read_file(path, &len);
    must(tt_scan(terminal, now, code, len, &end), "scan");
    free(code);
    printf("scan outcome %u, R%02u, record %llu\n", end.outcome, end.verdict,
           (unsigned long long)end.seq);
    prompt(terminal, end.light);
    if (end.seq)
        must(tt_told(terminal, end.seq), "told");
}

/* Everything goes to an acquirer who is always there. */
static void upload(uint64_t terminal)
{
    uint8_t record[TT_RECORD_MAX];
    uint64_t seq = 0;
    size_t len, bytes = 0, count = 0;
    int32_t code;
    while ((code = tt_pending(terminal, seq, &seq, record, sizeof record, &len)) == TT_OK) {
        bytes += len;
        count++;
        must(tt_ack(terminal, &seq, 1), "ack");
    }
    if (code != TT_ERR_NONE)
        must(code, "pending");
    printf("sent %zu records, %zu bytes\n", count, bytes);
}

int main(int argc, char **argv)
{
    const char *lists = NULL, *reader = NULL, *codes[16];
    uint8_t sam_key[32], *bundle;
    int by_stdio = 0, taps = 1, code_count = 0;
    int64_t now = TT_NO_TIME;
    uint64_t terminal;
    size_t len;
    tt_setup_t setup = {
        .struct_size = sizeof setup,
        .abi = TT_ABI,
        .acquirer = "11345810",
        .terminal = "581000000007",
        .model = "TT-BUS01",
        .terminal_id = "GZ000007",
        .software = "0.1_260101",
        .serial = {0, 0, 0, 7},
        .acceptor = {0x12, 0x90, 0x58, 0x10, 0xFF, 0xFF, 0xFF, 0xFF},
        .city = {0x58, 0x10},
        .operator_code = {0x30, 0x00},
        .post = {
            .kind = TT_POST_BUS,
            .line = "B00001",
            .vehicle = "A1234",
            .card_line = {0, 1},
            .card_vehicle = {'G', 'D', '-', '0', '0', '0', '1', '7'},
        },
        .psam = TT_PSAM_TEST_FLAT,
        .psam_first_sequence = 1,
    };

    if (tt_abi() != TT_ABI)
        fail("the library is of another version than the header");
    for (int at = 1; at < argc; at++) {
        const char *name = argv[at], *value = at + 1 < argc ? argv[at + 1] : NULL;
        if (strcmp(name, "--stdio") == 0) {
            by_stdio = 1;
            continue;
        }
        if (!value)
            fail("an argument wants a value");
        at++;
        if (strcmp(name, "--lists") == 0)
            lists = value;
        else if (strcmp(name, "--list-key") == 0)
            unhex(value, setup.list_key, sizeof setup.list_key);
        else if (strcmp(name, "--sam-key") == 0) {
            if (unhex(value, sam_key, sizeof sam_key) != sizeof sam_key)
                fail("--sam-key wants 32 bytes");
            setup.test_key = sam_key;
        } else if (strcmp(name, "--journal") == 0)
            setup.journal = value;
        else if (strcmp(name, "--now") == 0)
            now = strtoll(value, NULL, 10);
        else if (strcmp(name, "--reader") == 0)
            reader = value;
        else if (strcmp(name, "--taps") == 0)
            taps = atoi(value);
        else if (strcmp(name, "--code") == 0 && code_count < 16)
            codes[code_count++] = value;
        else
            fail("unknown argument");
    }
    if (!lists)
        fail("--lists is missing");

    must(tt_open(&setup, &terminal), "open");
    bundle = read_file(lists, &len);
    must(tt_apply_lists(terminal, now, bundle, len), "lists");
    free(bundle);

    for (int at = 0; at < code_count; at++)
        scan(terminal, now + at, codes[at]);
    if (reader)
        pcsc_start();
    for (int at = 0; (reader || by_stdio) && at < taps; at++) {
        if (reader)
            pcsc_card(reader);
        /* Once a minute, whatever the clock on the wall says. */
        tap(terminal, now + 60 * (at + 1), reader != NULL);
        if (reader)
            pcsc.disconnect(pcsc.card, 1 /* reset */);
    }
    upload(terminal);
    must(tt_close(terminal), "close");
    return 0;
}
