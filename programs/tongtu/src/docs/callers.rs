//! docs/callers.md: who may ask for what, from the table that the nodes go by.

use std::fmt::Write as _;

use tongtu_callers::{Role, Rule, TABLE};

const HEAD: &str = "\
# Who may call a node

Made by `cargo xtask docs` from the table that nodes go by; do not edit.

Nobody is served unproved. Every request but `GET /health` bears a signed envelope
([formats.md](formats.md), *Signed envelopes*): who asks which node for what, by which key, when, and a random id,
under one SM2 signature. Words are those of [glossary.md](glossary.md). No text that we could read says how a request
between platforms is signed, or who may ask a node for what: all of this is ours ([sources.md](sources.md)).

## The envelope

`tongtu-envelope: HEX` is a request's header. Its digest is SM3 over `TTENVRQ1`, the method, the target as it goes over
the line (path and query), both with their length in front in 4 bytes, and SM3 of the body. The signature is the
caller's, with the default identifier, over bytes 0..94. Other headers are not signed: `tongtu-sender` must name the
signer's own institution, `Range` only chooses a part of a file that is signed itself, and `tongtu-now` counts on a
simulated clock only.

What can be refused from the head is refused from it, in this order: an envelope that cannot be read, or is for another
node; another life; too old or too new; taken before; locked; unknown, disabled or out of time, or a signature that
does not hold; above the rate; not allowed. Only then is the body read, to the limit of its route, and compared with the
digest; then the request is remembered and served. A stranger's body is never read.

| status | code | what it tells |
|---|---|---|
| 401 | `envelope.refused` | nothing: unknown, disabled, out of time, forged and altered are answered alike, after the same work; the node's log says which |
| 401 | `envelope.life` | made for another life of the node; `tongtu-life` has the present one, and the request may be signed once more |
| 401 | `envelope.stale` | more than 300 seconds from the node's time, which `tongtu-time` says |
| 409 | `envelope.replayed` | this very envelope was taken before |
| 403 | `caller.not_allowed` | proved, and not for this role, or not for this subject |
| 403 | `link.other_institution` | proved, over the link of another institution ([tls.md](tls.md)) |
| 401 | `link.no_certificate` | proved, in an institution's name, over TLS without its certificate |
| 429 | `caller.locked`, `caller.rate` | come again after `Retry-After` |

### Once, across restarts too

A node remembers the id of each request it took for as long as the request could be taken again, and at most 2^20 of
them; with so many it answers 503 rather than forget one. Nothing of it is written. Instead a node draws a random *life*
at each start, says it in every answer, and takes no request made for another one: what was taken before a crash is not
taken after it, however far ahead its sender's clock was. A client asks `GET /health` once and again when a node does
not answer. A clock that is set back takes nothing twice: nothing is taken that is older than the newest that was
forgotten.

## Files

Every exchange file that moves has its sender's envelope beside it (`tongtu-file-envelope`), signed with the sending
institution's link key over name and content. The receiver checks it before it takes the file, both sides keep it with
the key under which it held, and `GET /audit/envelopes` shows them: neither can say later that it was another file, or
none. A file that is sent again has the very same envelope.

## Callers and keys

A caller is an institution and a number there: `01341000.OP-1`; every institution's node is `node`. A terminal is a
caller by its registration, and the key that signs its records signs its requests. `callers.toml` beside `node.toml`
enters the first ones, at the node's first start; officers admit others.

What is asked for in the name of a person or a node takes two officers: one asks, nothing is done, and another one asks
for the very same within a week. So it is with admitting, with announcing a key for somebody who lost his, and with
allowing again whoever was disabled. Another key, role or number is another act. A terminal or a partner takes one
officer (the column *officers* below), and one disables whomever at once: that can wait for nobody. Who is named in
`callers.toml` later and needs two is not entered: nobody edits himself into a node.

Every act leaves a line in a chain of the node's own, like those of a key room ([formats.md](formats.md), *Audit
chain*), with the request that asked for it: target, body, envelope and the key that it verified under. `GET
/audit/callers` gives them, and `tongtu caller acts` verifies every line and every signature; nobody who writes into the
database makes an officer's request. The chain has no anchors: an auditor keeps its head, and a chain that was cut or
written anew does not lead on from it. A request that was refused leaves no line; the node's log has it.

A caller renews its key itself: the request is signed by the old key, and the new key signs for itself. Both hold for
the overlap, 30 days at most, then the new one alone; with an overlap of zero the old one ends at once.

### Where a key lies

Whoever is to call makes the key (`tongtu caller key new`), and an officer admits the public half. `NAME.caller` says
who it is, which node, and where the key is: in a store of its own, sealed as an officer's is
([custody.md](custody.md)), never in the clear on a disk.

| whose | what opens the store | |
|---|---|---|
| a person's | a passphrase, asked for without echo or read from the first line of a file (`--passphrase`) | `caller key new NAME` |
| a machine's | a key file that lies elsewhere | `caller key new NAME --key-file FILE` |
| a machine's | a PKCS#11 token, whose PIN is in a file | `caller key new NAME --module LIBRARY --token LABEL --pin-file FILE` |
| a machine's | a passphrase in a file: `passphrase_file` in `NAME.caller`, as a node's settings have it | as a person's, and that line by hand |
| for tests | nothing: `key` names a test key file | only where `NAME.caller` says `mode = \"test\"` |

`caller key passphrase` changes the passphrase and leaves the key; whoever has a copy of the older file and the older
passphrase still opens that, so where one is known, renew the key with `caller rotate --overlap-s 0`. A renewal puts the
new key and `NAME.caller.next` on the disk before the node hears of it, and takes the old credential's place when the
node said yes; where no answer came, `tongtu call --as NAME.caller.next` tells whether it did. Old key files may be
deleted when the overlap is over. One process at a time has a store. A key under a token is
sealed in its file by a wrapping key that never leaves the token; the credential names the token by its serial number, and
another one is refused before its PIN is tried.

## Locks and rates

Five proofs that do not hold, from one source in one name, lock that pair: for a second, then two, four, and so on up
to 15 minutes; ten minutes of rest and the count begins anew. The lock is on the pair, so that garbage in a machine's
name shuts out whoever sends it and not the machine, which is elsewhere. Where both are behind one address, one proof a
second is looked at all the same, and one that holds takes the lock off. A source is an address, of IPv6 its /64.
What does not help against this: a flood of well-formed envelopes in many names costs the node a signature check each.

A caller's rate counts proved requests only, so that nobody uses up another's: persons and terminals 10 a second after
100 at once, operators, nodes and partners 200 after 2000.

";

/// The page.
pub(super) fn page() -> String {
    let mut page = String::from(HEAD);
    let write = |page: &mut String| -> std::fmt::Result {
        writeln!(
            page,
            "## Roles\n\n| role | 角色 | | | officers |\n|---|---|---|---|---|"
        )?;
        for role in Role::ALL {
            let (en, zh) = role.about();
            let officers = if role.needs_two() { 2 } else { 1 };
            let (word, its_zh) = (role.word(), role.zh());
            writeln!(page, "| {word} | {its_zh} | {en} | {zh} | {officers} |")?;
        }
        writeln!(
            page,
            "\n## Routes\n\nWhat is not here is refused. What is said behind a role is for what it may ask.\n\n\
             | route | | | who |\n|---|---|---|---|"
        )?;
        for rule in TABLE {
            let (method, pattern, en, zh) = (rule.method, rule.pattern, rule.en, rule.zh);
            writeln!(
                page,
                "| `{method} {pattern}` | {en} | {zh} | {} |",
                who(rule)
            )?;
        }
        Ok(())
    };
    write(&mut page).expect("writing to a String does not fail");
    page
}

fn who(rule: &Rule) -> String {
    if rule.is_open() {
        return "anybody 任何人".into();
    }
    let one = |(role, scope): &(Role, tongtu_callers::Scope)| match scope.words().0 {
        "" => role.word().to_owned(),
        words => format!("{} ({words})", role.word()),
    };
    let all: Vec<String> = rule.who.iter().map(one).collect();
    all.join(", ")
}
