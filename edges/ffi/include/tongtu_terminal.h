/* Tongtu: the terminal, for makers of validators and gates. docs/makers.md says how to use it.
 * Made by `cargo xtask docs` from edges/ffi/src; do not edit.
 *
 * Rules for all of them, unless a function says otherwise:
 *
 * * What is returned is TT_OK or one of the TT_ERR codes; tt_last_error has words for the last
 *   fault of the calling thread. After a fault nothing has changed that is not said.
 * * A terminal serves one call at a time, from any thread. A second one at the same time, and one
 *   from inside a hook, gets TT_ERR_BUSY at once. Different terminals do not disturb each other.
 * * Buffers are the caller's; len gets the length that there is, also when it does not fit
 *   (TT_ERR_SHORT). Texts are UTF-8 with a NUL behind, which len does not count; a buffer of 0
 *   bytes may be NULL.
 * * Times are Unix seconds, amounts are fen.
 */
#ifndef TONGTU_TERMINAL_H
#define TONGTU_TERMINAL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Done. */
#define TT_OK (0)

/* A pointer is NULL that must not be. */
#define TT_ERR_NULL (-1)

/* A struct has another size than this library's, or setup asks for another ABI. */
#define TT_ERR_SIZE (-2)

/* A buffer is too short; the length needed was written. */
#define TT_ERR_SHORT (-3)

/* No terminal has this handle, or not any more. */
#define TT_ERR_HANDLE (-4)

/* Another call is under way on this terminal, from another thread or from a hook. */
#define TT_ERR_BUSY (-5)

/* Not now: the function does not fit the state of the dialogue. */
#define TT_ERR_STATE (-6)

/* A value is not what it must be. */
#define TT_ERR_VALUE (-7)

/* The record store failed or is full. */
#define TT_ERR_STORE (-8)

/* A list bundle was not taken, or there is none yet. */
#define TT_ERR_LISTS (-9)

/* The PSAM failed. */
#define TT_ERR_PSAM (-10)

/* The hook that signs failed: close the terminal and open it again, as after a power cut. */
#define TT_ERR_SIGNER (-11)

/* A fault of the library; the terminal is out of use: close it and open it again, and tell us. */
#define TT_ERR_PANIC (-12)

/* The terminal is out of use since TT_ERR_PANIC or TT_ERR_SIGNER. */
#define TT_ERR_BROKEN (-13)

/* There is nothing, or nothing more. */
#define TT_ERR_NONE (-14)

/* The store holds what this terminal cannot have written. */
#define TT_ERR_RECOVER (-15)

/* Number of this ABI; it changes whenever a struct, a number or a function does. */
#define TT_ABI 1u

/* Most bytes of one ask: no command APDU is longer. */
#define TT_DATA_MAX (264)

/* Bytes that any record of the upload fits into. */
#define TT_RECORD_MAX (4096)

/* Bytes that any text or notice fits into. */
#define TT_TEXT_MAX (1024)

/* A time that is not known: the clock was never set. */
#define TT_NO_TIME INT64_MIN

/* An amount that is not known or not meant. */
#define TT_NO_AMOUNT INT64_MIN

/* Chinese, UTF-8. */
#define TT_LANG_ZH 0u

/* English. */
#define TT_LANG_EN 1u

/* A bus with one fare: line, vehicle; on cards card_line, card_place, card_vehicle. */
#define TT_POST_BUS 1u

/* A bus of segmented fares: line, vehicle, station (the stop); on cards card_line, card_stop,
 * direction, card_vehicle. */
#define TT_POST_SEGMENTED 2u

/* A gate that lets in: line (the network), station; on cards card_line[0]. */
#define TT_POST_ENTRY 3u

/* A gate that lets out: the same. */
#define TT_POST_EXIT 4u

/* A PSAM in a slot of the maker's: asked by TT_ASK_PSAM and TT_ASK_PSAM_RESET. */
#define TT_PSAM_SLOT 0u

/* A soft PSAM with the published test keys as master keys, for cards whose keys are derived. */
#define TT_PSAM_TEST 1u

/* A soft PSAM with the published test keys, for cards that have these very keys. */
#define TT_PSAM_TEST_FLAT 2u

/* Send data to the card; hand its answer, status word last, to the function that goes on. */
#define TT_ASK_CARD 1u

/* Send data to the PSAM; the same. */
#define TT_ASK_PSAM 2u

/* Reset the PSAM; go on with an empty answer. */
#define TT_ASK_PSAM_RESET 3u

/* The dialogue is over; of a tap, tt_tap_end says how. */
#define TT_ASK_DONE 4u

/* There is an answer. */
#define TT_HEARD 0u

/* The card left the field, or the PSAM is gone. */
#define TT_LOST 1u

/* The PSAM did not answer in time. Of a card: the same as TT_LOST. */
#define TT_TIMEOUT 2u

/* Paid, or let in or out; the record is stored. */
#define TT_ACCEPTED 1u

/* A ride that was torn is complete now; nothing was charged again. */
#define TT_RECOVERED 2u

/* The rider is let through once more on a ride that was complete. */
#define TT_REOPENED 3u

/* No ride. */
#define TT_REFUSED 4u

/* The card left too early; the rider taps again. */
#define TT_TORN 5u

/* The terminal cannot serve; tt_reason says why. */
#define TT_OUT_OF_SERVICE 6u

/* Green: go. */
#define TT_LIGHT_GREEN 1u

/* Amber: try again, or something is to be settled later. */
#define TT_LIGHT_AMBER 2u

/* Red: no. */
#define TT_LIGHT_RED 3u

/* Store a replacement failed; the old content is certainly in place. */
#define TT_REPLACE_OLD (1)

/* Whether the old or the new content is in place is not certain. */
#define TT_REPLACE_UNCERTAIN (2)

/* What signs records: the terminal's SAM. Called during tt_scan, tt_tap_next and
 * tt_close_stale, from the thread that called those; must not call this library with the same
 * handle (it would get TT_ERR_BUSY). */
typedef struct tt_signer {
    /* Handed to sign as it is; lives as long as the terminal. */
    void *user;
    /* Writes the 64 bytes r || s of an SM2 signature with the default identifier over the
     * message; 0 if it did. NULL: test_key of the setup signs. */
    int32_t (*sign)(void *user, const uint8_t *message, size_t message_len, uint8_t *signature);
} tt_signer_t;

/* A device that holds the journal where there is no file system. Each hook returns 0 when it did
 * what it was asked. A power cut may lose any part of what was appended since the last sync. */
typedef struct tt_medium {
    /* sizeof(tt_medium_t). */
    uint32_t struct_size;
    /* Handed to every hook as it is; lives as long as the terminal. */
    void *user;
    /* Writes how many bytes there are. */
    int32_t (*size)(void *user, uint64_t *size);
    /* Fills out with the len bytes from at on; they are there. */
    int32_t (*read)(void *user, uint64_t at, uint8_t *out, size_t len);
    /* Adds bytes at the end. */
    int32_t (*append)(void *user, const uint8_t *bytes, size_t len);
    /* Returns once everything appended survives a power cut. */
    int32_t (*sync)(void *user);
    /* Cuts the end off, durably. */
    int32_t (*truncate)(void *user, uint64_t size);
    /* Puts bytes in the place of everything, whole or not at all, durably. TT_REPLACE_OLD or
     * TT_REPLACE_UNCERTAIN when it failed. */
    int32_t (*replace)(void *user, const uint8_t *bytes, size_t len);
} tt_medium_t;

/* Where a terminal stands. Texts are NUL-terminated. */
typedef struct tt_post {
    /* TT_POST_BUS and so on. */
    uint32_t kind;
    /* Line or network, as the fare book has it. */
    const char *line;
    /* Station or stop, as the fare book has it; NULL where a post has none. */
    const char *station;
    /* Vehicle, as records have it; NULL where a post has none. */
    const char *vehicle;
    /* The line, on cards. */
    uint8_t card_line[2];
    /* The stop, on cards; of segmented fares. */
    uint8_t card_stop;
    /* Direction on cards, 0xAB up or 0xBA down; of segmented fares. */
    uint8_t direction;
    /* The stop, on cards; of a bus with one fare. */
    uint8_t card_place[8];
    /* The vehicle, on cards. */
    uint8_t card_vehicle[8];
} tt_post_t;

/* What a terminal is told when it is put up. Texts are NUL-terminated. */
typedef struct tt_setup {
    /* sizeof(tt_setup_t). */
    uint32_t struct_size;
    /* TT_ABI. */
    uint32_t abi;
    /* Acquirer, eight digits, the first of them 1. */
    const char *acquirer;
    /* Terminal number, twelve digits. */
    const char *terminal;
    /* Maker and model, eight printable characters. */
    const char *model;
    /* Terminal-side identifier, eight printable characters. */
    const char *terminal_id;
    /* Software version, ten printable characters. */
    const char *software;
    /* Serial of the terminal's certificate. */
    uint8_t serial[4];
    /* The acquirer's list key, compressed: the only one whose lists are taken. */
    uint8_t list_key[33];
    /* The acceptor (受理机构), as cards carry it. */
    uint8_t acceptor[8];
    /* The city, as cards carry it. */
    uint8_t city[2];
    /* The operator, as cards carry it. */
    uint8_t operator_code[2];
    /* Where it stands. */
    tt_post_t post;
    /* TT_PSAM_SLOT and so on. */
    uint32_t psam;
    /* First terminal sequence of a soft PSAM, which forgets it with the power; at least 1. */
    uint32_t psam_first_sequence;
    /* What signs records. */
    tt_signer_t signer;
    /* 32 bytes of a TEST key that signs records where signer.sign is NULL; else NULL. */
    const uint8_t *test_key;
    /* Path of the journal, in UTF-8; NULL where medium is the device. */
    const char *journal;
    /* The device of the journal; NULL where journal is a path. */
    const tt_medium_t *medium;
    /* Most records that the store holds; 0 for 20000. */
    uint64_t records_max;
    /* Most bytes of the journal; 0 for 32 MiB. */
    uint64_t bytes_max;
    /* Bytes of what is no longer needed before the journal is rewritten; 0 for 1 MiB. */
    uint64_t dead_bytes_max;
} tt_setup_t;

/* What a dialogue asks next. */
typedef struct tt_ask {
    /* sizeof(tt_ask_t). */
    uint32_t struct_size;
    /* TT_ASK_CARD and so on. */
    uint32_t kind;
    /* Bytes of data. */
    uint32_t len;
    /* The command APDU. */
    uint8_t data[TT_DATA_MAX];
} tt_ask_t;

/* How a tap ended. */
typedef struct tt_tap_end {
    /* sizeof(tt_tap_end_t). */
    uint32_t struct_size;
    /* TT_ACCEPTED to TT_OUT_OF_SERVICE. */
    uint32_t outcome;
    /* TT_LIGHT_GREEN and so on. */
    uint32_t light;
    /* Which sentence is said: 0 paid, 1 enter, 2 leave, 3 boarded, 4 alighted, 5 made up,
     * 6 tap again, 7 see staff, 8 already tapped, 9 insufficient, 10 see issuer,
     * 11 not accepted, 12 not started, 13 expired, 14 damaged, 15 last ride not ended,
     * 16 no entry, 17 over-stay, 18 nothing to make up, 19 other way, 20 out of service. */
    uint32_t say;
    /* Number of the ride's record, for tt_told; 0 where there is none. */
    uint64_t seq;
    /* What was charged, in fen, or TT_NO_AMOUNT. */
    int64_t fare_fen;
    /* What is on the card, in fen, or TT_NO_AMOUNT. */
    int64_t balance_fen;
    /* The card's number (应用序列号) of a ride, else zeroes. */
    uint8_t serial[10];
    /* Of TT_TORN: 1 where the card may have been debited; its ride is recovered when it taps again. */
    uint8_t in_doubt;
    /* Of TT_TORN: how often this ride was torn. */
    uint8_t tries;
    /* Records stored on the way. */
    uint32_t stored;
    /* Notices for the other terminals of the group; tt_notice_next hands them out. */
    uint32_t notices;
    /* Commands that went to the card. */
    uint32_t card_commands;
    /* Requests that went to the PSAM. */
    uint32_t psam_requests;
} tt_tap_end_t;

/* How a scan ended. */
typedef struct tt_scan_end {
    /* sizeof(tt_scan_end_t). */
    uint32_t struct_size;
    /* TT_ACCEPTED, TT_RECOVERED (a ride that a power cut left untold) or TT_REFUSED. */
    uint32_t outcome;
    /* The result code: 0 for R00, 14 for R14 and so on. */
    uint32_t verdict;
    /* TT_LIGHT_GREEN and so on; 0 where the terminal stays silent. */
    uint32_t light;
    /* Number of the ride's record, for tt_told; 0 where there is none. */
    uint64_t seq;
    /* What was charged, in fen, or TT_NO_AMOUNT. */
    int64_t fare_fen;
} tt_scan_end_t;

/* How a terminal stands. */
typedef struct tt_status {
    /* sizeof(tt_status_t). */
    uint32_t struct_size;
    /* 1 where the PSAM was opened and cards can be served. */
    uint32_t cards;
    /* Version of the lists held; 0 for none. */
    uint64_t lists_version;
    /* When the acquirer made them, Unix seconds, or TT_NO_TIME. */
    int64_t lists_issued_at;
    /* 1 where the lists are older than 15 days, or there are none: send someone. */
    uint32_t lists_overdue;
    /* 1 where the blacklist is older than 72 hours, or there is none. */
    uint32_t blacklist_stale;
    /* Records held. */
    uint64_t held;
    /* Records that wait for the acquirer. */
    uint64_t waiting;
    /* Torn cards that may come back. */
    uint64_t intents;
    /* Records there is room for. */
    uint64_t room;
    /* 0 fine, 1 low, 2 urgent, 3 full. */
    uint32_t fill;
} tt_status_t;

/* The number of this library's ABI. A program compares it with the TT_ABI of its header. */
uint32_t tt_abi(void);

/* Writes the version of the library, such as 0.1.0. Errors: NULL, SHORT. */
int32_t tt_version(char *buffer, size_t room, size_t *len);

/* Writes what a code means, in Chinese or English. Errors: NULL, SHORT, VALUE (no such code or
 * language). */
int32_t tt_error_text(int32_t code, uint32_t lang, char *buffer, size_t room, size_t *len);

/* Writes what the last fault of this thread was: the code's meaning in the language wanted, then
 * details in English. A fault of this function itself is not remembered. Errors: NULL, SHORT,
 * VALUE. */
int32_t tt_last_error(uint32_t lang, char *buffer, size_t room, size_t *len);

/* Puts a terminal up: opens its store, reads what it holds, and makes its soft PSAM if it has one.
 * Lists come after, by tt_apply_lists, and a PSAM in a slot by tt_psam_begin. The handle is
 * written to terminal; it is a number, never 0, and given away once.
 *
 * Errors: NULL, SIZE, VALUE (which setting, in tt_last_error), STORE (also when another process
 * has the journal), RECOVER, PSAM, SIGNER, PANIC. */
int32_t tt_open(const tt_setup_t *setup, uint64_t *terminal);

/* Takes a terminal away and closes its store. A dialogue under way ends as by a power cut: what is
 * durable is, and the ride is recovered when the card comes back. Errors: HANDLE, BUSY. */
int32_t tt_close(uint64_t terminal);

/* A bus of segmented fares came to a stop: its station in the fare book, its number and the
 * direction on cards (0xAB up, 0xBA down). Errors: HANDLE, BUSY, NULL, VALUE, STATE (a dialogue is
 * under way, or another post). */
int32_t tt_next_stop(uint64_t terminal, const char *stop, uint8_t card_stop, uint8_t direction_code);

/* Begins to read who the PSAM in the slot is. Writes what is asked first; go on with
 * tt_psam_next until TT_ASK_DONE. Also after the PSAM was changed. Errors: HANDLE, BUSY, NULL,
 * SIZE, STATE (a dialogue is under way, or the PSAM is a soft one). */
int32_t tt_psam_begin(uint64_t terminal, tt_ask_t *ask);

/* Goes on with what the PSAM answered: heard is TT_HEARD with len bytes of data, status word
 * last, or TT_LOST or TT_TIMEOUT. Errors: as tt_psam_begin; PSAM: it is none, or gone; begin
 * again. RECOVER: the store holds taps that are none. */
int32_t tt_psam_next(uint64_t terminal, uint32_t heard, const uint8_t *data, size_t len, tt_ask_t *ask);

/* A card is in the field. now is the time, or TT_NO_TIME when the clock was never set. Writes
 * what is asked first; go on with tt_tap_next until TT_ASK_DONE, then fetch tt_tap_end, tell
 * the rider, and call tt_told. Errors: HANDLE, BUSY, NULL, SIZE, STATE (a dialogue is under way,
 * or the PSAM was not opened), LISTS (there are none yet). */
int32_t tt_tap_begin(uint64_t terminal, int64_t now, tt_ask_t *ask);

/* Goes on with what the card or the PSAM answered, as tt_psam_next. Whatever the store must hold
 * is durable before the next ask is written. Faults of card, PSAM and store end the tap and are
 * told by tt_tap_end. Errors: HANDLE, BUSY, NULL, SIZE, VALUE, STATE (no tap is under way),
 * SIGNER, PANIC. */
int32_t tt_tap_next(uint64_t terminal, uint32_t heard, const uint8_t *data, size_t len, tt_ask_t *ask);

/* Drops the dialogue under way, of a tap or of opening the PSAM; the ride, if the card paid for
 * it, is recovered when the card comes back. Prefer TT_LOST, which also gives a prompt. Errors:
 * HANDLE, BUSY, STATE. */
int32_t tt_cancel(uint64_t terminal);

/* Writes how the last tap ended. Errors: HANDLE, BUSY, NULL, SIZE, NONE (a scan came after, or
 * there was no tap). */
int32_t tt_tap_end(uint64_t terminal, tt_tap_end_t *end);

/* Judges a ride code: the decoder's bytes, never its text. An accepted ride is stored before the
 * function returns; tell the rider and call tt_told. A refusal is no error. At a gate that lets
 * out, this version knows no entries: the rider is let out and the fare follows. Errors: HANDLE,
 * BUSY, NULL, SIZE, STATE (a tap is under way), SIGNER, PANIC. */
int32_t tt_scan(uint64_t terminal, int64_t now, const uint8_t *code, size_t len, tt_scan_end_t *end);

/* Writes what is spoken after the last tap or scan, in TT_LANG_ZH or TT_LANG_EN. Errors: HANDLE,
 * BUSY, NULL, SHORT, VALUE, NONE (nothing ended, or the terminal stays silent). */
int32_t tt_prompt_voice(uint64_t terminal, uint32_t lang, char *buffer, size_t room, size_t *len);

/* Writes what is shown after the last tap or scan: lines with a line feed between them. Errors: as
 * tt_prompt_voice. */
int32_t tt_prompt_display(uint64_t terminal, uint32_t lang, char *buffer, size_t room, size_t *len);

/* Writes why the last tap or scan ended as it did: English, for logs, its wording may change.
 * Errors: HANDLE, BUSY, NULL, SHORT, NONE. */
int32_t tt_reason(uint64_t terminal, char *buffer, size_t room, size_t *len);

/* The rider was told of the ride with this record: call it after the beep. Until then a restart
 * lets the rider through once more without paying. Errors: HANDLE, BUSY, STORE. */
int32_t tt_told(uint64_t terminal, uint64_t seq);

/* Takes a list bundle, whole or not at all; the next tap sees it. After a start hand in the bundle
 * taken last once more. Errors: HANDLE, BUSY, NULL, VALUE (no time), LISTS (the lists held stay). */
int32_t tt_apply_lists(uint64_t terminal, int64_t now, const uint8_t *bundle, size_t len);

/* The acquirer said that there are no newer lists. Errors: HANDLE, BUSY, VALUE (no time). */
int32_t tt_confirm_lists(uint64_t terminal, int64_t now);

/* Turns torn rides whose cards did not come back in time into grey records (灰记录), and writes how
 * many. Call it every few seconds while nobody taps. Errors: HANDLE, BUSY, NULL, STATE, STORE,
 * SIGNER. */
int32_t tt_close_stale(uint64_t terminal, int64_t now, uint32_t *closed);

/* Writes the oldest record with a number above after that the acquirer does not have, and its
 * number; begin with 0. TT_RECORD_MAX bytes hold any. Errors: HANDLE, BUSY, NULL, SHORT (number
 * and length are written), NONE (no more). */
int32_t tt_pending(uint64_t terminal, uint64_t after, uint64_t *seq, uint8_t *buffer, size_t room, size_t *len);

/* The acquirer has these records; they go once nothing needs them any more. Numbers that are not
 * held are passed over. Errors: HANDLE, BUSY, NULL, STORE (they will be sent again). */
int32_t tt_ack(uint64_t terminal, const uint64_t *seqs, size_t how_many);

/* Writes the oldest notice for the other terminals of the vehicle or station, and forgets it.
 * TT_TEXT_MAX bytes hold any. Errors: HANDLE, BUSY, NULL, SHORT (it stays), NONE. */
int32_t tt_notice_next(uint64_t terminal, uint8_t *buffer, size_t room, size_t *len);

/* Takes a notice of another terminal of the group. Nothing in it is believed: the card must prove
 * it. Errors: HANDLE, BUSY, NULL, VALUE (no notice, no time), STATE, STORE. */
int32_t tt_notice_take(uint64_t terminal, int64_t now, const uint8_t *notice, size_t len);

/* Writes how the terminal stands. Errors: HANDLE, BUSY, NULL, SIZE, VALUE (no time). */
int32_t tt_status(uint64_t terminal, int64_t now, tt_status_t *status);

#ifdef __cplusplus
}
#endif

#endif
