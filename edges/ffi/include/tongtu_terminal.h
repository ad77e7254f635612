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

/* A rider who is sent to the staff; of the choices below. */
#define TT_RULE_COUNTER 0u

/* The fare book's row for it is charged, or what this rule says otherwise. */
#define TT_RULE_CHARGE 1u

/* What the fare book says of an incomplete ride is charged; the counter where it says nothing. */
#define TT_RULE_BY_BOOK 2u

/* The blacklisted card is refused, and that is recorded. */
#define TT_LOCK_NOT 0u

/* It is locked, and its issuer may unlock it. */
#define TT_LOCK 1u

/* It is locked for ever. */
#define TT_LOCK_FOR_EVER 2u

/* By which rules cards tap. tt_rules_usual writes the usual ones; change what differs, and hand
 * them to tt_open. Of a day for which the acquirer's parameters say something else, those count:
 * retap_s, balance_max_fen, balance_hint_fen, tries_max, grey_after_s, intents_max, refuse_unverified. */
typedef struct tt_rules {
    /* sizeof(tt_rules_t). */
    uint32_t struct_size;
    /* Seconds in which the same card is not taken again. */
    uint32_t retap_s;
    /* Seconds in which a gate opens once more for a ride it has recorded. */
    uint32_t reopen_s;
    /* Balance above which a card is damaged, fen. */
    uint32_t balance_max_fen;
    /* Balance below which the rider is told to load, fen. */
    uint32_t balance_hint_fen;
    /* Balance that an entry wants, fen. */
    uint32_t entry_min_fen;
    /* Torn taps of one ride after which the rider is sent to the staff, at most 255. */
    uint32_t tries_max;
    /* Seconds after which a torn ride becomes a grey record. */
    uint32_t grey_after_s;
    /* Torn cards that are waited for at once, 1 to 1024. */
    uint32_t intents_max;
    /* 1: a recovery whose MAC2 cannot be verified is refused; 0: the card vouches by paying nothing. */
    uint32_t refuse_unverified;
    /* A ride that was never ended: TT_RULE_COUNTER; TT_RULE_CHARGE, the amount marked on the card;
     * TT_RULE_BY_BOOK. */
    uint32_t open_ride;
    /* An exit without an entry: TT_RULE_COUNTER; TT_RULE_CHARGE, the dearest ride; TT_RULE_BY_BOOK. */
    uint32_t no_entry;
    /* An exit after too long: TT_RULE_COUNTER or TT_RULE_CHARGE. */
    uint32_t over_stay;
    /* Seconds in a rail network after which that is. */
    uint32_t stay_max_s;
    /* Seconds in a bus after which the rider must have alighted. */
    uint32_t bus_max_s;
    /* Seconds in which a gate lets out a card whose ride was closed at a counter. */
    uint32_t closed_s;
    /* Seconds by which a card's last entry may be ahead of this clock. */
    uint32_t skew_s;
    /* The highest marked amount that is believed, fen. */
    uint32_t arrears_max_fen;
    /* 1: transfers count here; one command more a tap. */
    uint32_t transfers;
    /* 1: sums of a month or chains of transfers count here; two commands more a tap. */
    uint32_t history;
    /* A card without composite records in a bus of segmented fares: 0 refused, 1 pays the dearest
     * ride. */
    uint32_t max_without_composite;
    /* Key index of the second ticket on cards; counts where ticket_units is not 0. */
    uint32_t ticket_key;
    /* Units of the second ticket that a ride takes; 0 where it is not taken. */
    uint32_t ticket_units;
    /* What happens to a blacklisted card: TT_LOCK_NOT and so on. */
    uint32_t lock;
    /* Algorithm identifier of the key that locks a card which does not say its own. */
    uint32_t lock_algorithm;
    /* 1: the card's directory is asked first; one command more a tap. */
    uint32_t directory;
    /* 1: of a card with both, the e-cash is taken first; 0: the e-purse. */
    uint32_t cash_first;
    /* 1: a bus of one fare leaves a trip on the card, so that the next line knows of a transfer. */
    uint32_t leaves_trip;
    /* Cities whose rides may end here, as cards carry them: two bytes each, one behind the other. */
    const uint8_t *through;
    /* How many they are. */
    size_t through_count;
} tt_rules_t;

/* Which PSAMs a terminal takes money with. What is NULL is not asked for, but that a PSAM is of the
 * terminal's city, by the receiver that it states, unless receivers says which receivers are. */
typedef struct tt_modules {
    /* sizeof(tt_modules_t). */
    uint32_t struct_size;
    /* 1: a PSAM must speak for terminal of the setup; else it was moved here. */
    uint32_t own_number;
    /* Receivers whose PSAMs are taken, 8 bytes each, as PSAMs have them; or NULL. */
    const uint8_t *receivers;
    /* How many. */
    size_t receivers_count;
    /* Issuers whose PSAMs are taken, 8 bytes each; or NULL. */
    const uint8_t *issuers;
    /* How many. */
    size_t issuers_count;
    /* Key indexes that the city was given, a byte each; or NULL. */
    const uint8_t *key_indexes;
    /* How many. */
    size_t key_indexes_count;
    /* Serial numbers of the PSAMs that the acquirer admitted here, 10 bytes each; or NULL. */
    const uint8_t *admitted;
    /* How many. */
    size_t admitted_count;
} tt_modules_t;

/* Number of this ABI; it changes whenever a struct, a number or a function does. */
#define TT_ABI 3u

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

/* A counter or a hand-held terminal that makes up for incomplete rides of cards: the same. It scans
 * no codes and looks at no faces. */
#define TT_POST_COUNTER 5u

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

/* The rider came out without the card knowing: the rail ride ends, for the amount or, with
 * TT_NO_AMOUNT, for what is marked on the card. */
#define TT_MAKE_UP_CLOSE_RAIL 1u

/* The rider is inside too long: the entry counts from now, for the amount as a penalty. */
#define TT_MAKE_UP_RENEW_ENTRY 2u

/* The rider is inside without the card knowing: an entry at station is written, for the amount as
 * a penalty. */
#define TT_MAKE_UP_WRITE_ENTRY 3u

/* The rider left a bus without alighting: as TT_MAKE_UP_CLOSE_RAIL. */
#define TT_MAKE_UP_CLOSE_BUS 4u

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

/* What signs records: the terminal's SAM. Called during tt_scan, tt_next,
 * tt_face_look, tt_face_digits, tt_coverage, tt_gallery_report and tt_close_stale, from the thread that called those; must not call this library with the same
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
    /* By which rules cards tap; NULL for the usual ones. */
    const tt_rules_t *rules;
    /* Which PSAMs it takes money with; NULL for all of its city. */
    const tt_modules_t *modules;
} tt_setup_t;

/* What is to be made up for at a counter. */
typedef struct tt_make_up {
    /* sizeof(tt_make_up_t). */
    uint32_t struct_size;
    /* TT_MAKE_UP_CLOSE_RAIL and so on. */
    uint32_t kind;
    /* What is charged, in fen, 0 to 4294967295; TT_NO_AMOUNT where the kind says so. */
    int64_t amount_fen;
    /* Of TT_MAKE_UP_WRITE_ENTRY: where the rider says to have entered, as the fare book has it; else
     * NULL. */
    const char *station;
} tt_make_up_t;

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
     * 16 no entry, 17 over-stay, 18 nothing to make up, 19 other way, 20 out of service, 21 no cards. */
    uint32_t say;
    /* Number of the ride's record, for tt_told; 0 where there is none. */
    uint64_t seq;
    /* What was charged, in fen, or TT_NO_AMOUNT. */
    int64_t fare_fen;
    /* What is on the card, in fen, or TT_NO_AMOUNT. */
    int64_t balance_fen;
    /* The card's number (应用序列号; of an e-cash its PAN) of a ride, else zeroes. */
    uint8_t serial[10];
    /* Of TT_TORN: 1 where the card may have been debited; its ride is recovered when it taps again. */
    uint8_t in_doubt;
    /* Of TT_TORN: how often this ride was torn. */
    uint8_t tries;
    /* What the ride was paid by: 1 purse, 2 purse by a composite purchase, 3 e-cash, 4 second
     * ticket, 6 made up for; 0 where there is none. */
    uint32_t paid_by;
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
    /* When they were taken here, or TT_NO_TIME. */
    int64_t lists_applied_at;
    /* When they were last known to be the newest, or TT_NO_TIME. */
    int64_t lists_fresh_at;
    /* When the city list was first held, as far as is remembered, or TT_NO_TIME. */
    int64_t cities_applied_at;
    /* 1 where that was more than 15 days after the notice of it. */
    uint32_t cities_late;
    /* 1 where the lists are older than 15 days, or there are none: send someone. */
    uint32_t lists_overdue;
    /* 1 where the blacklist is older than 72 hours, or there is none. */
    uint32_t blacklist_stale;
    /* 1 where the lists say that there is a newer card blacklist. */
    uint32_t card_blacklist_behind;
    /* Version of the card blacklist held; 0 for none. */
    uint64_t card_blacklist;
    /* Version of the gallery held; 0 for none. */
    uint64_t gallery;
    /* The version that the next update may go on from; 0: ask for a whole one. */
    uint64_t gallery_after;
    /* Nobody is recognised any more then, or TT_NO_TIME. */
    int64_t gallery_until;
    /* Riders in it. */
    uint32_t gallery_riders;
    /* 1 where ride codes can be served now. */
    uint32_t codes;
    /* 1 where e-cashes are taken. */
    uint32_t cash;
    /* Records held. */
    uint64_t held;
    /* Records that wait for the acquirer. */
    uint64_t waiting;
    /* Torn cards that may come back. */
    uint64_t intents;
    /* Records there is room for. */
    uint64_t room;
    /* Bytes there is room for; -1 where they are not counted. */
    int64_t room_bytes;
    /* Whole days that the room lasts at this terminal's pace if nothing leaves; -1 before the first
     * record. */
    int64_t days_left;
    /* 0 fine, 1 low, 2 urgent, 3 full. */
    uint32_t fill;
} tt_status_t;

/* RSA: key is the modulus, exponent is there. */
#define TT_KEY_RSA 1u

/* SM2: key is X and Y, 64 bytes; exponent is NULL. */
#define TT_KEY_SM2 2u

/* A certification authority's key, as it is distributed. */
typedef struct tt_authority {
    /* sizeof(tt_authority_t). */
    uint32_t struct_size;
    /* TT_KEY_RSA or TT_KEY_SM2. */
    uint32_t kind;
    /* Index of the key, 0 to 255. */
    uint32_t index;
    /* Version of this entry: one that is held makes way for one that is not lower. */
    uint32_t version;
    /* The key. */
    const uint8_t *key;
    /* Its bytes. */
    size_t key_len;
    /* Public exponent of an RSA key. */
    const uint8_t *exponent;
    /* Its bytes. */
    size_t exponent_len;
    /* Check value: SHA-1 over RID, index, modulus and exponent, 20 bytes; or SM3 over RID, index
     * and point, 32 bytes. */
    const uint8_t *check;
    /* Its bytes. */
    size_t check_len;
    /* The scheme: first five bytes of the AIDs that it is for. */
    uint8_t rid[5];
    /* The last day on which it is used, YYYYMMDD, two digits a byte. */
    uint8_t expires[4];
} tt_authority_t;

/* A record on an e-cash that is to be written, and wants a MAC. */
typedef struct tt_record_update {
    /* sizeof(tt_record_update_t). */
    uint32_t struct_size;
    /* The card's counter, which begins the MAC. */
    uint32_t atc;
    /* The whole new record; good until the hook returns. */
    const uint8_t *record;
    /* Its bytes. */
    size_t record_len;
    /* The card's issuer. */
    uint8_t issuer[8];
    /* The card's number (PAN). */
    uint8_t serial[10];
    /* Algorithm byte of the card's issuer application data: 1 or 4. */
    uint8_t algorithm;
    /* The extension file. */
    uint8_t sfi;
    /* Header of the command, Lc included. */
    uint8_t header[5];
} tt_record_update_t;

/* Who holds the keys of records on e-cashes. Called during tt_next, from the thread that called
 * it; must not call this library with the same handle. */
typedef struct tt_record_keys {
    /* Handed to mac as it is; lives as long as the terminal. */
    void *user;
    /* Writes the four bytes of the MAC; 0 if it did, anything else where there is no key for this
     * card or file. NULL: only whole rides are paid by e-cash. */
    int32_t (*mac)(void *user, const tt_record_update_t *update, uint8_t *mac);
} tt_record_keys_t;

/* How a terminal takes the e-cash. */
typedef struct tt_cash {
    /* sizeof(tt_cash_t). */
    uint32_t struct_size;
    /* The most that one tap pays, fen; 0 for the usual 2000. */
    uint32_t limit_fen;
    /* Leftmost digits of the card numbers that are taken, commas between them; NULL: the issuer that
     * the card states decides. */
    const char *issuers;
    /* Name of the merchant, at most 20 printable characters; NULL for none. */
    const char *merchant;
    /* Who makes MACs for records. */
    tt_record_keys_t records;
    /* What the terminal says of itself (TTQ, 9F66); four zeroes for a bus's or gate's usual. */
    uint8_t qualifiers[4];
    /* From which the numbers are made that cards cannot foresee: fresh, from a good source, after
     * every start. Not all zeroes. */
    uint8_t seed[32];
} tt_cash_t;

/* The second factor is wanted: prompt, then tt_face_digits. An outcome of tt_face_end_t. */
#define TT_DIGITS_WANTED 7u

/* Nobody is there. An outcome of tt_face_end_t. */
#define TT_NOBODY 8u

/* The camera could not decide; counts as not alive. */
#define TT_LIVE_UNDECIDED 0u

/* Alive. */
#define TT_LIVE 1u

/* A photo. */
#define TT_SPOOF_PHOTO 2u

/* A screen. */
#define TT_SPOOF_SCREEN 3u

/* A mask. */
#define TT_SPOOF_MASK 4u

/* Something else that is no face. */
#define TT_SPOOF_OTHER 5u

/* A rider passes, or nobody is there, or the digits are wanted. */
#define TT_FACE_FINE 0u

/* No gallery, or its time is over: there was no word from the acquirer for too long. */
#define TT_FACE_NO_GALLERY 1u

/* More than one face. */
#define TT_FACE_SEVERAL 2u

/* Seen too badly. */
#define TT_FACE_QUALITY 3u

/* Not alive. */
#define TT_FACE_NOT_LIVE 4u

/* Nobody of the gallery. */
#define TT_FACE_UNKNOWN 5u

/* The second factor was wrong or late. */
#define TT_FACE_DIGITS 6u

/* Passed a moment ago. */
#define TT_FACE_TOO_FREQUENT 7u

/* The rider's consent has ended. */
#define TT_FACE_CONSENT_ENDED 8u

/* The matcher failed. */
#define TT_FACE_ENGINE 9u

/* The terminal is not in service. */
#define TT_FACE_OUT_OF_SERVICE 10u

/* One template of the gallery, as rank sees it. */
typedef struct tt_template {
    /* Its bytes; good until the hook returns, and not to be kept. */
    const uint8_t *bytes;
    /* How many they are. */
    size_t len;
    /* The rider's pseudonym. */
    uint8_t handle[16];
} tt_template_t;

/* The maker's matcher. Called during tt_face_look, from the thread that called it; must not call
 * this library with the same handle. */
typedef struct tt_matcher {
    /* Handed to the hooks as it is; lives as long as the terminal. */
    void *user;
    /* Engine and version, eight characters: galleries of another are refused. */
    uint8_t id[8];
    /* Writes how alike two templates are, 0 to 10000; 0 if it did, else the engine's own number of
     * the fault. NULL: the plain matcher of the workbench, whose id is COSINE01. */
    int32_t (*compare)(void *user, const uint8_t *probe, size_t probe_len, const uint8_t *enrolled, size_t enrolled_len, uint32_t *score);
    /* The same for a whole gallery, where the engine is faster than one by one: writes place and
     * score of the best template of each of the best two riders; a rider may have several, with one
     * handle. A place that is not below count stands for nobody; the same rider twice is a fault.
     * NULL: compare is called for each. */
    int32_t (*rank)(void *user, const uint8_t *probe, size_t probe_len, const tt_template_t *templates, size_t count, uint64_t *places, uint32_t *scores);
} tt_matcher_t;

/* How a terminal takes faces. tt_face_usual writes the usual numbers, which go with the plain
 * matcher; thresholds belong to an engine. */
typedef struct tt_face {
    /* sizeof(tt_face_t). */
    uint32_t struct_size;
    /* At least so alike, in ten-thousandths. */
    uint32_t accept;
    /* And so far ahead of the next rider. */
    uint32_t margin;
    /* Not quite so alike, but worth asking for the second factor. */
    uint32_t ask;
    /* At least so well seen, 0 to 100. */
    uint32_t quality_min;
    /* Seconds in which a rider who passed is not charged again. */
    uint32_t interval_s;
    /* Seconds for the second factor. */
    uint32_t digits_s;
    /* How often it may be tried. */
    uint32_t digits_tries;
    /* Seconds in which a ride that was stored and not told completes after a restart. */
    uint32_t resume_s;
    /* The matcher. */
    tt_matcher_t matcher;
    /* The key that templates travel under, from your secure module. */
    uint8_t seal_key[16];
    /* The key that they lie under in this terminal alone. */
    uint8_t own_key[16];
    /* From which sealing draws: fresh, from a good source, after every start. Not all zeroes. */
    uint8_t seed[32];
} tt_face_t;

/* What the camera saw. */
typedef struct tt_capture {
    /* sizeof(tt_capture_t). */
    uint32_t struct_size;
    /* Faces; with 0 or several the rest is not looked at. */
    uint32_t faces;
    /* TT_LIVE and so on. */
    uint32_t liveness;
    /* How well the face was seen, 0 to 100. */
    uint32_t quality;
    /* What the matcher's extractor made of it. */
    const uint8_t *probe;
    /* Its bytes. */
    size_t probe_len;
} tt_capture_t;

/* How a look ended. Never a similarity and never a name. */
typedef struct tt_face_end {
    /* sizeof(tt_face_end_t). */
    uint32_t struct_size;
    /* TT_ACCEPTED, TT_RECOVERED (a ride that a power cut left untold), TT_REFUSED, TT_OUT_OF_SERVICE,
     * TT_DIGITS_WANTED or TT_NOBODY. */
    uint32_t outcome;
    /* TT_LIGHT_GREEN and so on; 0 where the terminal stays silent. */
    uint32_t light;
    /* Why nobody passes: TT_FACE_NO_GALLERY and so on. */
    uint32_t why;
    /* Of TT_FACE_DIGITS: 1 where they may be tried once more. */
    uint32_t again;
    /* Of a ride: version of the terms that the rider consented to. */
    uint32_t consent;
    /* Number of the ride's record, for tt_told; 0 where there is none. */
    uint64_t seq;
    /* What was charged, in fen, or TT_NO_AMOUNT. */
    int64_t fare_fen;
    /* Of a ride: the rider's pseudonym, else zeroes. */
    uint8_t handle[16];
} tt_face_end_t;

/* A file of the card blacklist, in memory or behind a hook. */
typedef struct tt_source {
    /* sizeof(tt_source_t). */
    uint32_t struct_size;
    /* The file, where it is in memory or mapped into it; NULL where read is set. */
    const uint8_t *bytes;
    /* Its bytes, in either case. */
    uint64_t len;
    /* Handed to read as it is. */
    void *user;
    /* Fills out with the len bytes from at on, which are there; 0 if it did. Called from the
     * thread that called tt_blacklist_take, in order, each byte once. NULL where bytes is set. */
    int32_t (*read)(void *user, uint64_t at, uint8_t *out, size_t len);
} tt_source_t;

/* The terminal's own battery clock. */
#define TT_CLOCK_RTC 0u

/* A satellite receiver. */
#define TT_CLOCK_GPS 1u

/* The vehicle's or the station's computer. */
#define TT_CLOCK_HOST 2u

/* The acquirer's node, by the time in its answers. */
#define TT_CLOCK_ACQUIRER 3u

/* Time servers. */
#define TT_CLOCK_NTP 4u

/* There was no clock; this is it now. */
#define TT_HEARD_SET 1u

/* It says what the clock says, and the clock follows it. */
#define TT_HEARD_FOLLOWED 2u

/* It says what the clock says; a source of a higher rank has set the clock. */
#define TT_HEARD_CONFIRMED 3u

/* So does another source: the clock was set anew. */
#define TT_HEARD_STEPPED 4u

/* It says something quite different and is not believed until another source agrees. */
#define TT_HEARD_CLAIMED 5u

/* It says nothing that could be a time. */
#define TT_HEARD_REFUSED 6u

/* There is a time. */
#define TT_CLOCK_FINE 0u

/* No source gave one that could be taken. */
#define TT_CLOCK_UNSET 1u

/* It is before not_before. */
#define TT_CLOCK_BEFORE_BUILD 2u

/* It is behind what this terminal itself has recorded. */
#define TT_CLOCK_BEFORE_RECORD 3u

/* No source confirmed it for too long. */
#define TT_CLOCK_UNSYNCED 4u

/* The counter fell: the machine started anew, read the sources again. */
#define TT_CLOCK_COUNTER 5u

/* Limits of the clock. tt_clock_rules writes those in force. */
typedef struct tt_clock_rules {
    /* sizeof(tt_clock_rules_t). */
    uint32_t struct_size;
    /* How far it may be behind the newest record and still serve, seconds. */
    uint32_t back_max_s;
    /* How far ahead of the newest record a first reading after a start is believed alone. */
    uint32_t ahead_max_s;
    /* What the counter may be off in a day. */
    uint32_t drift_max_s;
    /* How far a source alone may move the clock, within any day. */
    uint32_t step_max_s;
    /* How far apart two sources may be and still say the same. */
    uint32_t agree_max_s;
    /* How long a source's step waits for another source to say the same. */
    uint32_t claim_max_s;
    /* Without a source for longer than this, it is flagged. */
    uint32_t unsynced_flag_s;
    /* Earlier is no time: the day on which your software was built, Unix seconds. */
    int64_t not_before;
    /* Without a source for longer than this the terminal is out of service; -1 serves on. */
    int64_t unsynced_max_s;
} tt_clock_rules_t;

/* What became of a reading. */
typedef struct tt_heard {
    /* sizeof(tt_heard_t). */
    uint32_t struct_size;
    /* TT_HEARD_SET and so on. */
    uint32_t kind;
    /* Of TT_HEARD_STEPPED: which source said the same. */
    uint32_t with;
    /* How far it is off, or how far the clock was moved, seconds; 0 where there was no clock. */
    int64_t off_s;
} tt_heard_t;

/* The time, and what is to be known about it. */
typedef struct tt_clock {
    /* sizeof(tt_clock_t). */
    uint32_t struct_size;
    /* TT_CLOCK_FINE, or why there is no time. */
    uint32_t fault;
    /* The time, Unix seconds, for taps, scans and looks; TT_NO_TIME where there is none. */
    int64_t now;
    /* Seconds since a source last confirmed it; -1 when none did. */
    int64_t unsynced_s;
    /* When that was, or TT_NO_TIME; keep it, and hand it to tt_clock_set_rules after a start. */
    int64_t synced_at;
    /* 1 where that is too long. */
    uint32_t is_unsynced;
    /* 1 where a source says something quite different and waits for another to agree. */
    uint32_t is_disputed;
} tt_clock_t;

/* Nothing waits. */
#define TT_UPLOAD_IDLE 0u

/* A batch is out: tt_upload_answered or tt_upload_failed first. */
#define TT_UPLOAD_SENT 1u

/* Come back at until. */
#define TT_UPLOAD_WAITING 2u

/* A batch is there: fetch it with tt_upload_next, and send it. */
#define TT_UPLOAD_SEND 3u

/* What to do about uploads now. */
typedef struct tt_upload {
    /* sizeof(tt_upload_t). */
    uint32_t struct_size;
    /* TT_UPLOAD_IDLE and so on. */
    uint32_t kind;
    /* Records of the batch. */
    uint32_t count;
    /* Failures in a row so far. */
    uint32_t failures;
    /* Of TT_UPLOAD_WAITING: when the next attempt is due, Unix seconds; else TT_NO_TIME. */
    int64_t until;
} tt_upload_t;

/* Where a record stands in the terminal's chain. */
typedef struct tt_record {
    /* sizeof(tt_record_t). */
    uint32_t struct_size;
    /* Number of the record. */
    uint64_t seq;
    /* The chain's value before it, and */
    uint8_t before[32];
    /* at it: SM3 over "TTCHAIN1", before, the number as eight bytes and the record. */
    uint8_t chain[32];
} tt_record_t;

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

/* Writes the usual rules. Errors: NULL, SIZE. */
int32_t tt_rules_usual(tt_rules_t *rules);

/* Takes a terminal away and closes its store. A dialogue under way ends as by a power cut: what is
 * durable is, and the ride is recovered when the card comes back. Errors: HANDLE, BUSY. */
int32_t tt_close(uint64_t terminal);

/* A bus of segmented fares came to a stop: its station in the fare book, its number and the
 * direction on cards (0xAB up, 0xBA down). Errors: HANDLE, BUSY, NULL, VALUE, STATE (a dialogue is
 * under way, or another post). */
int32_t tt_next_stop(uint64_t terminal, const char *stop, uint8_t card_stop, uint8_t direction_code);

/* Begins to read who the PSAM in the slot is. Writes what is asked first; go on with tt_next
 * until TT_ASK_DONE. Also after the PSAM was changed. Errors: HANDLE, BUSY, NULL, SIZE, STATE (a
 * dialogue is under way, or the PSAM is a soft one). */
int32_t tt_psam_begin(uint64_t terminal, tt_ask_t *ask);

/* A card is in the field. now is the time, or TT_NO_TIME when the clock was never set. Writes
 * what is asked first; go on with tt_next until TT_ASK_DONE, then fetch tt_tap_end, tell the
 * rider, and call tt_told. Errors: HANDLE, BUSY, NULL, SIZE, STATE (a dialogue is under way, or
 * the PSAM was not opened), LISTS (there are none yet). */
int32_t tt_tap_begin(uint64_t terminal, int64_t now, tt_ask_t *ask);

/* A card with an incomplete ride (补登) is in the field of a counter; everything else as
 * tt_tap_begin. Errors: the same; STATE also where the post is no counter; VALUE (which field, in
 * tt_last_error). */
int32_t tt_make_up_begin(uint64_t terminal, int64_t now, const tt_make_up_t *what, tt_ask_t *ask);

/* Goes on with the dialogue under way: heard is TT_HEARD with len bytes of data, the answer
 * of card or PSAM with the status word last, or TT_LOST or TT_TIMEOUT. Whatever the store must
 * hold is durable before the next ask is written. Faults of card, PSAM and store end a tap and are
 * told by tt_tap_end. Errors: HANDLE, BUSY, NULL, SIZE, VALUE, STATE (no dialogue is under way),
 * SIGNER, PANIC; of a PSAM that is being opened PSAM (it is none, or gone; begin again) and RECOVER
 * (the store holds taps that are none). */
int32_t tt_next(uint64_t terminal, uint32_t heard, const uint8_t *data, size_t len, tt_ask_t *ask);

/* Drops the dialogue under way, of a tap or of opening the PSAM; the ride, if the card paid for
 * it, is recovered when the card comes back. Prefer TT_LOST, which also gives a prompt. Errors:
 * HANDLE, BUSY, STATE. */
int32_t tt_cancel(uint64_t terminal);

/* Writes how the last tap ended. Errors: HANDLE, BUSY, NULL, SIZE, NONE (a scan came after, or
 * there was no tap). */
int32_t tt_tap_end(uint64_t terminal, tt_tap_end_t *end);

/* Takes the key of a certification authority, whose cards are believed from the next tap on; before
 * or after tt_cash_serve. It is in memory only: hand all of them in after a start. Errors: HANDLE,
 * BUSY, NULL, SIZE, STATE (a dialogue is under way), VALUE (no key, another check value, or older
 * than the one held). */
int32_t tt_authority_take(uint64_t terminal, const tt_authority_t *authority);

/* Takes the list of issuers' certificates that an authority took back, as its text; cards of those
 * issuers are refused from the next tap on. The authority's key is handed in first, and must have
 * signed it. It is in memory only: hand all of them in after a start. Errors: HANDLE, BUSY, NULL, STATE
 * (a dialogue is under way), VALUE (no list, another signature, or older than the one held). */
int32_t tt_revocations_take(uint64_t terminal, const uint8_t *list, size_t len);

/* Takes e-cashes (电子现金) from the next tap on; called again, by other rules. Errors: HANDLE, BUSY,
 * NULL, SIZE, STATE (a dialogue is under way), VALUE (which field, in tt_last_error). */
int32_t tt_cash_serve(uint64_t terminal, const tt_cash_t *cash);

/* Judges a ride code: the decoder's bytes, never its text. An accepted ride is stored before the
 * function returns; tell the rider and call tt_told. A refusal is no error. At a gate that lets
 * out, a rider of whom no gate told that they went in is let out and the fare follows. Errors: HANDLE,
 * BUSY, NULL, SIZE, STATE (a dialogue is under way, or a counter), SIGNER, PANIC. */
int32_t tt_scan(uint64_t terminal, int64_t now, const uint8_t *code, size_t len, tt_scan_end_t *end);

/* Writes the usual settings; matcher, keys and seed are yours to fill in. Errors: NULL, SIZE. */
int32_t tt_face_usual(tt_face_t *face);

/* Takes faces (人脸) from now on; a gallery comes after, by tt_gallery_restore and tt_gallery_update.
 * Called again it begins anew, without a gallery. Errors: HANDLE, BUSY, NULL, SIZE, STATE (a
 * dialogue is under way, or a counter), VALUE (which field, in tt_last_error). */
int32_t tt_face_open(uint64_t terminal, const tt_face_t *face);

/* Takes the acquirer's signed update of the gallery (人脸名单), whole or from the version that
 * tt_status says. Whoever it forgets is forgotten, also where the rest cannot be taken; so keep the
 * gallery anew after it, whatever is returned, and then send tt_gallery_report. Errors: HANDLE, BUSY,
 * NULL, STATE (faces were not opened), LISTS (the version held stays). */
int32_t tt_gallery_update(uint64_t terminal, const uint8_t *bytes, size_t len);

/* Writes the gallery as this terminal keeps it, sealed under own_key; keep it after every change,
 * withdrawals before all. Errors: HANDLE, BUSY, NULL, SHORT, STATE, NONE (no gallery). */
int32_t tt_gallery_keep(uint64_t terminal, uint8_t *buffer, size_t room, size_t *len);

/* Takes what tt_gallery_keep wrote, after a start. Errors: as tt_gallery_update. */
int32_t tt_gallery_restore(uint64_t terminal, const uint8_t *bytes, size_t len);

/* Forgets riders who withdrew their consent (撤回同意), at once: handles are how_many pseudonyms
 * of 16 bytes, one behind the other. Writes how many of them were there. Errors: HANDLE, BUSY, NULL,
 * STATE. */
int32_t tt_gallery_withdraw(uint64_t terminal, const uint8_t *handles, size_t how_many, uint32_t *gone);

/* Forgets what time has ended: riders whose consent has, and everybody where there was no word from
 * the acquirer for too long. Writes how many; keep the gallery anew when there were any. Call it
 * every hour. Errors: HANDLE, BUSY, NULL, STATE, VALUE (no time). */
int32_t tt_gallery_expire(uint64_t terminal, int64_t now, uint32_t *gone);

/* Writes the signed report of the gallery held, for the acquirer, who tells riders by it who has
 * forgotten them: send it once the gallery is kept. Errors: HANDLE, BUSY, NULL, SHORT, STATE, VALUE
 * (no time), SIGNER. */
int32_t tt_gallery_report(uint64_t terminal, int64_t now, uint8_t *buffer, size_t room, size_t *len);

/* Judges what the camera saw: call it for every picture, also with nobody in it. A ride is stored
 * before the function returns; tell the rider and call tt_told. A refusal is no error. Errors:
 * HANDLE, BUSY, NULL, SIZE, STATE (a dialogue is under way, or faces were not opened), VALUE, SIGNER,
 * PANIC. */
int32_t tt_face_look(uint64_t terminal, int64_t now, const tt_capture_t *capture, tt_face_end_t *end);

/* Takes the second factor of the rider who was asked for it: the last four digits of the telephone
 * number. Everything else as tt_face_look. */
int32_t tt_face_digits(uint64_t terminal, int64_t now, const char *digits, tt_face_end_t *end);

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
 * lets the rider through once more without paying, here or beside, and the record waits two
 * minutes with its upload. Errors: HANDLE, BUSY, STORE. */
int32_t tt_told(uint64_t terminal, uint64_t seq);

/* Gives list bundles a place in two files, path.a and path.b, and takes what lies there, if
 * anything does: then after a start you hand in nothing. Errors: HANDLE, BUSY, NULL, VALUE (no
 * time), STORE, LISTS (what lies there is refused, and none is kept). */
int32_t tt_lists_open(uint64_t terminal, int64_t now, const char *path);

/* Takes a list bundle, whole or not at all; the next tap sees it. Without tt_lists_open, hand in the
 * bundle taken last once more after a start. Errors: HANDLE, BUSY, NULL, VALUE (no time), LISTS (the
 * lists held stay), STORE (it counts, but is not in its files: a restart will not have it). */
int32_t tt_apply_lists(uint64_t terminal, int64_t now, const uint8_t *bundle, size_t len);

/* The acquirer said that there are no newer lists. Errors: HANDLE, BUSY, VALUE (no time). */
int32_t tt_confirm_lists(uint64_t terminal, int64_t now);

/* Writes the signed report of which lists this terminal has, and since when (名单覆盖报告), for the
 * acquirer. Errors: HANDLE, BUSY, NULL, SHORT, VALUE (no time), SIGNER. */
int32_t tt_coverage(uint64_t terminal, int64_t now, uint8_t *buffer, size_t room, size_t *len);

/* Gives the card blacklist (黑名单) a place, and takes what lies there: either three files, path.a,
 * path.b and path.deltas, with media NULL; or three devices, the third for deltas, with path
 * NULL. The full file is kept twice, so that one is always whole. Writes the version that is held
 * now, and to refused whether something there was not good, or is missing: fetch it anew. Takes as
 * long as reading the files does. Errors: HANDLE, BUSY, NULL, SIZE, VALUE (no time, or both), STATE
 * (it has its place), STORE (also when another process has the files). */
int32_t tt_blacklist_open(uint64_t terminal, int64_t now, const char *path, const tt_medium_t *media, uint64_t *version, uint32_t *refused);

/* Takes a file of the card blacklist, full or delta, and writes the version that is held then. The
 * file is read once, from front to end, while the terminal goes on serving taps: call it from a
 * thread of its own. It counts, in memory and in its place, only when all of it is good. Errors:
 * HANDLE, BUSY, NULL (bytes and read), SIZE, VALUE (no time, both, or longer than memory), STATE
 * (another file is being taken), LISTS (the list held stays; tt_last_error says whether a delta is
 * missing), STORE. */
int32_t tt_blacklist_take(uint64_t terminal, int64_t now, const tt_source_t *source, uint64_t *version);

/* Works changes that wait into the card blacklist, chunks pieces at most, and writes how many
 * still wait; for the time between taps, after deltas. The list says the same before and after.
 * Errors: HANDLE, BUSY, NULL, STATE (a dialogue is under way). */
int32_t tt_blacklist_compact(uint64_t terminal, uint32_t chunks, uint32_t *waiting);

/* Writes the limits in force. Errors: HANDLE, BUSY, NULL, SIZE. */
int32_t tt_clock_rules(uint64_t terminal, tt_clock_rules_t *rules);

/* Takes other limits. synced_at is when a source last confirmed the clock, if you kept that over a
 * restart: then the clock begins anew, and its sources are to be read; else TT_NO_TIME. Errors:
 * HANDLE, BUSY, NULL, SIZE, VALUE (unsynced_max_s below -1). */
int32_t tt_clock_set_rules(uint64_t terminal, const tt_clock_rules_t *rules, int64_t synced_at);

/* Hands in what a source says the time is, and your machine's counter at that moment: milliseconds
 * that only rise while it is on. Writes what became of it. Errors: HANDLE, BUSY, NULL, SIZE, VALUE
 * (no such source, no time). */
int32_t tt_clock_read(uint64_t terminal, uint32_t source, int64_t wall, uint64_t tick_ms, tt_heard_t *heard);

/* Writes the time at this count of your machine. That there is none is no error: fault says why.
 * Errors: HANDLE, BUSY, NULL, SIZE. */
int32_t tt_clock_now(uint64_t terminal, uint64_t tick_ms, tt_clock_t *clock);

/* Turns torn rides whose cards did not come back in time into grey records (灰记录), notes of rides
 * that nobody was told before a restart that it was so, reports a PSAM that is not taken here, and writes
 * how many records that made. Call it every few seconds while nobody taps. Errors: HANDLE, BUSY, NULL, STATE, STORE,
 * SIGNER. */
int32_t tt_close_stale(uint64_t terminal, int64_t now, uint32_t *closed);

/* Writes the oldest record with a number above after that the acquirer does not have, and its
 * number; begin with 0. TT_RECORD_MAX bytes hold any. Errors: HANDLE, BUSY, NULL, SHORT (number
 * and length are written), NONE (no more). */
int32_t tt_pending(uint64_t terminal, uint64_t after, uint64_t *seq, uint8_t *buffer, size_t room, size_t *len);

/* The acquirer has these records; they go once nothing needs them any more. Numbers that are not
 * held are passed over. Errors: HANDLE, BUSY, NULL, STORE (they will be sent again). */
int32_t tt_ack(uint64_t terminal, const uint64_t *seqs, size_t how_many);

/* Says what to do about uploads now, and makes a batch where one is due: at most 64 records, oldest
 * first, one batch at a time, after a failure later and later. Use this or tt_pending with tt_ack.
 * Nothing of it outlasts a restart, and nothing need: what is not acknowledged is sent again. Errors:
 * HANDLE, BUSY, NULL, SIZE, VALUE (no time). */
int32_t tt_upload_begin(uint64_t terminal, int64_t now, tt_upload_t *upload);

/* Writes the next record of the batch, and where it stands in the terminal's chain: send both, so
 * that the acquirer sees whether one is missing or was changed. TT_RECORD_MAX bytes hold any. Errors:
 * HANDLE, BUSY, NULL, SIZE, SHORT (it is still the next), NONE (no more). */
int32_t tt_upload_next(uint64_t terminal, tt_record_t *record, uint8_t *buffer, size_t room, size_t *len);

/* The acquirer has the records with these numbers: stored, known before, or refused for good. An
 * answer may be late or come twice; one that names none of the batch that is out leaves it out.
 * Errors: HANDLE, BUSY, NULL, STORE (they will be sent again). */
int32_t tt_upload_answered(uint64_t terminal, const uint64_t *seqs, size_t how_many);

/* No answer came, or none that could be read. Writes when the next attempt is due, spread by
 * terminal. Errors: HANDLE, BUSY, NULL, VALUE (no time). */
int32_t tt_upload_failed(uint64_t terminal, int64_t now, int64_t *until);

/* Writes the oldest notice for the other terminals of the vehicle or station, and forgets it.
 * TT_TEXT_MAX bytes hold any. Errors: HANDLE, BUSY, NULL, SHORT (it stays), NONE. */
int32_t tt_notice_next(uint64_t terminal, uint8_t *buffer, size_t room, size_t *len);

/* Takes a notice of another terminal of the group. Of cards nothing in it is believed: the card must
 * prove it. Of riders by account it is: let in only what your own terminals sent. Errors: HANDLE, BUSY, NULL, VALUE (no notice, no time), STATE, STORE. */
int32_t tt_notice_take(uint64_t terminal, int64_t now, const uint8_t *notice, size_t len);

/* Writes how the terminal stands. Errors: HANDLE, BUSY, NULL, SIZE, VALUE (no time). */
int32_t tt_status(uint64_t terminal, int64_t now, tt_status_t *status);

#ifdef __cplusplus
}
#endif

#endif
