"""What the apps of the table are asked: targets, fields that change them, users, hosts.

Each is a spelling that some app somewhere takes for ``/search``, for ``bob`` or for
``shop.example``, or that looks as if one might. ``mutants`` makes more of the same, by chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

Lines = tuple[bytes, ...]

TARGETS: dict[str, list[bytes]] = {
    "plain": (
        b"/search /search/ /search/a/b /search?q=1 /search? /help /help/a /help/ / /?q=/search"
    ).split(),
    "case": (
        b"/SEARCH /Search/a /%53EARCH /HELP /Help/a /s%C3%89arch /%C5%BFearch /\xc5\xbfearch"
    ).split(),
    "slashes": (
        b"//search ///search /search// /search//a //search/a /x//search //help //help/search "
        b"/help//search //search//help"
    ).split(),
    "dots": (
        b"/./search /x/../search /search/../x /search/.. /search/. /help/../search "
        b"/search/../help /help/.. /../search /x/y/../../search /help/x/../../search /search. "
        b"/search./a /search.json /search.do"
    ).split(),
    "decoded once": (
        b"/%73earch /s%65arch/a /%73%65%61%72%63%68 /%2fsearch /search%2fa /search%2F..%2Fx "
        b"/%2e/search /x/%2e%2e/search /x/.%2e/search /x%2f..%2fsearch /help/%2e%2e/search "
        b"/help/..%2fsearch /help%2f..%2fsearch /%68elp /help%2fa /search%3fx /search%23x "
        b"/search%3bx /help%3f/../search"
    ).split(),
    "decoded twice": (
        b"/%2573earch /%25%37%33earch /%252fsearch /x/%252e%252e/search "
        b"/help/%252e%252e/search /search%252fa /search%2500"
    ).split(),
    "controls": (
        b"/search%00 /search%00.html /search%0a /search%0d%0a /search%09 /search%20 "
        b"/%20search /search%0a/a /search%7f /search%85 /search%a0 /search%C2%A0 /help%0a "
        b"/help%00/../search"
    ).split(),
    "parameters": (
        b"/search;x=1 /search;x=1/a /;x/search /x;/../search /x/..;/search /help/..;/search "
        b"/search; /search;/../help"
    ).split(),
    "backslash": (
        b"\\search /\\search /x\\..\\search /x%5c..%5csearch /search\\a /search%5ca "
        b"/help\\..\\search /help/..%5csearch"
    ).split(),
    "not UTF-8": (
        b"/search/%ff /search/\xff /search%ff /%c0%afsearch /x/%c0%ae%c0%ae/search "
        b"/%u0073earch /search%zz /search% /%ef%bc%8fsearch /\xef\xbd\x93earch"
    ).split(),
    "absolute form": (
        b"http://shop.example/search HTTP://shop.example/search http://other.example/search "
        b"http://shop.example//search http://shop.example http://shop.example?/search "
        b"http://shop.example/x/../search http://u@shop.example/search http://search/ "
        b"//shop.example/search ftp://shop.example/search http:/search http:///search "
        b"http:search x:/search http://shop.example/help"
    ).split(),
    "fragment": (b"/search#x /x#/search /#/search /help#/../search").split(),
    "neighbours": (
        b"/searching /search-x /search+ /x/search /sea/rch /se%C3%A1rch /searc /search@x "
        b"/search:x /search&x /search=x /search,x /search~ /search* /search(x) /search' "
        b'/search" *'
    ).split(),
}

# Fields that some servers or apps take for a part of the target.
FIELDS: tuple[tuple[bytes, bytes], ...] = (
    (b"/foo/search", b"SCRIPT_NAME: /foo"),
    (b"/help/search", b"SCRIPT_NAME: /help"),
    (b"/foo/search", b"Script-Name: /foo"),
    (b"/help", b"PATH_INFO: /search"),
    (b"/help", b"X-Original-URL: /search"),
    (b"/help", b"X-Rewrite-URL: /search"),
    (b"/help", b"X-Original-URI: /search"),
    (b"/foo/search", b"X-Forwarded-Prefix: /foo"),
    (b"/h", b"X-Forwarded-Prefix: /search"),
    (b"/help", b"X-Forwarded-Path: /search"),
    (b"/help", b"REQUEST_URI: /search"),
    (b"/help", b"RAW_URI: /search"),
    (b"/help", b"Base-Url: /search"),
    (b"/help", b"X-HTTP-DestinationURL: /search"),
)

USERS: tuple[Lines, ...] = (
    (b"Cookie: uid=bob",),
    (b"cookie:uid=bob",),
    (b"Cookie: a=1; uid=bob; b=2",),
    (b"Cookie: a=1;uid=bob",),
    (b"Cookie: a=1, uid=bob",),
    (b"Cookie: a=1 uid=bob",),
    (b"Cookie: uid = bob",),
    (b"Cookie: UID=bob",),
    (b'Cookie: uid="bob"',),
    (b'Cookie: uid="b\\157b"',),
    (b"Cookie: uid=%62ob",),
    (b"Cookie: uid=%22bob%22",),
    (b"Cookie: %75id=bob",),
    (b"Cookie: uid=bob%20",),
    (b"Cookie: uid=+bob",),
    (b"Cookie: uid=bob\xa0",),
    (b"Cookie: uid=\x85bob",),
    (b"Cookie: \xa0uid=bob",),
    (b"Cookie: uid=\xef\xbb\xbfbob",),
    (b"Cookie: uid=bob; uid=eve",),
    (b"Cookie: uid=eve; uid=bob",),
    (b"Cookie: uid=; uid=bob",),
    (b"Cookie: uid=eve", b"Cookie: uid=bob"),
    (b"Cookie: uid=bob", b"Cookie: uid=eve"),
    (b"Cookie: a=1", b"Cookie: uid=bob"),
    (b"Cookie: uid=bob", b"Cookie: a=1"),
    (b'Cookie: x="; uid=bob',),
    (b'Cookie: x="a; uid=bob; y=b"',),
    (b'Cookie: uid="bob; x"',),
    (b"Cookie: $Version=1; uid=bob; $Path=/",),
    (b"Cookie: uid=j:%22bob%22",),
    (b"Cookie: uid=bob=",),
    (b"Cookie: =uid=bob",),
    (b"Cookie: uid=ops",),
    (b"Cookie: uid=ops; uid=eve",),
    (b"Cookie: uid=eve; uid=ops",),
    (b"Cookie: uid=ops", b"Cookie: uid=eve"),
    (b"Cookie: uid=ops", b"Cookie: a=1"),
    (b"Cookie: uid=ops, uid=eve",),
    (b"Cookie: uid=ops uid=eve",),
    (b"Cookie: uid=ops\xa0",),
    (b"Cookie: UID=ops; uid=eve",),
    (b"X-User-Id: bob",),
    (b"x_user_id: bob",),
    (b"X-User_Id: bob",),
    (b"X-User-Id:   bob\t",),
    (b"X-User-Id: bob, eve",),
    (b"X-User-Id: eve", b"X-User-Id: bob"),
    (b"X-User-Id: bob", b"X_User_Id: eve"),
    (b"X-User-Id: bob\xa0",),
    (b"X-User-Id: ops",),
    (b"X-User-Id: ops", b"X-User-Id: eve"),
    (b"X-User-Id: ops", b"X_User_Id: eve"),
    (b"X-User-Id:", b"X-User-Id: ops"),
)

# Each with its Host and target; the peer is a trusted proxy, so that all of it reaches the app.
HOSTS: tuple[tuple[bytes, bytes, Lines], ...] = (
    (b"shop.example", b"/", ()),
    (b"SHOP.Example", b"/", ()),
    (b"shop.example.", b"/", ()),
    (b"shop.example:80", b"/", ()),
    (b"shop.example:", b"/", ()),
    (b"shop.example.:8080", b"/", ()),
    (b"s%68op.example", b"/", ()),
    (b"other.example", b"http://shop.example/", ()),
    (b"shop.example", b"http://other.example/", ()),
    (b"other.example", b"http://u@shop.example:80/", ()),
    (b"other.example", b"//shop.example/", ()),
    (b"other.example", b"/", (b"X-Forwarded-Host: shop.example",)),
    (b"other.example", b"/", (b"x_forwarded_host: shop.example",)),
    (b"other.example", b"/", (b"X-Forwarded-Host: shop.example, third.example",)),
    (b"other.example", b"/", (b"X-Forwarded-Host: third.example, shop.example",)),
    (b"other.example", b"/", (b'X-Forwarded-Host: "shop.example"',)),
    (b"other.example", b"/", (b"X-Forwarded-Host: SHOP.example.:80",)),
    (b"other.example", b"/", (b"X-Forwarded-Host: a.example", b"X-Forwarded-Host: shop.example")),
    (b"other.example", b"/", (b"Forwarded: host=shop.example",)),
    (b"other.example", b"/", (b"X-Host: shop.example",)),
    (b"other.example", b"/", (b"X-Original-Host: shop.example",)),
    (b"other.example", b"/", (b"HTTP_HOST: shop.example",)),
    (b"other.example", b"/", (b"X-Forwarded-Server: shop.example",)),
)  # fmt: skip

_PIECES = (
    b"/ / / // search search search help help SEARCH .. . %2e %2E%2e %2f %5c \\ ; ;x=1 %3b "
    b"%3f ? %23 %00 %0a %0d %20 %09 x %73earch %2573earch s%65arch %c0%af %ff \xff \xc3\xa9 "
    b'%u002f % %25 : @ + & = | ^ [ ` " < %85 %c2%a0 .json'
).split()
_STARTS = (b"/", b"/", b"/", b"//", b"", b"http://shop.example", b"http://u@h:1/", b"x:")


def all_targets() -> list[bytes]:
    return [target for family in TARGETS.values() for target in family]


def mutants(seed: int, count: int) -> Iterator[bytes]:
    """So many targets made of odd pieces, the same for the same seed."""
    random = Random(seed)
    for _ in range(count):
        pieces = random.choices(_PIECES, k=random.randint(1, 6))
        end = random.choice((b"", b"", b"/search", b"search", b"/help"))
        yield random.choice(_STARTS) + b"".join(pieces) + end
