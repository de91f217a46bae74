"""The Bookshop's pages: an ordinary aiohttp site, with something for every kind of flag."""

from __future__ import annotations

import aiohttp_jinja2
import jinja2
from aiohttp import web

from gateway.demo import wires
from gateway.demo.books import BOOKS, Book, book, search

READERS = ("alice", "bob", "carol")
LARGEST_UPLOAD = 1 << 30  # bytes; they are counted, never kept


def make_shop() -> web.Application:
    """The whole site. It keeps nothing: a reader's name and cart are cookies."""
    shop = web.Application(client_max_size=LARGEST_UPLOAD)
    aiohttp_jinja2.setup(
        shop,
        loader=jinja2.PackageLoader("gateway.demo"),
        autoescape=True,
        filters={"money": lambda cents: f"{cents / 100:.2f}"},
    )
    shop.add_routes(
        [
            web.get("/", home),
            web.get("/search", results),
            web.get("/login", login_form),
            web.post("/login", login),
            web.post("/logout", logout),
            web.get("/account", account),
            web.get("/cart", cart),
            web.post("/cart", change_cart),
            web.get("/api/items", items),
            web.get("/api/items/{id:[0-9]+}", item),
            web.get("/live", live),
            web.get("/upload", upload_form),
            web.get("/healthz", healthy),
            *wires.ROUTES,
        ]
    )
    return shop


async def home(request: web.Request) -> web.Response:
    return _page(request, "home.html", books=BOOKS)


async def results(request: web.Request) -> web.Response:
    query = request.query.get("q", "")
    return _page(request, "search.html", query=query, books=search(query))


async def login_form(request: web.Request) -> web.Response:
    return _page(request, "login.html", readers=READERS)


async def login(request: web.Request) -> web.Response:
    name = str((await request.post()).get("name", ""))
    if name not in READERS:
        error = "Nobody of that name has a card here."
        return _page(request, "login.html", 403, readers=READERS, error=error)
    answer = _redirect("/account")
    answer.set_cookie("uid", name, httponly=True, samesite="Lax")
    return answer


async def logout(_request: web.Request) -> web.Response:
    answer = _redirect("/")
    answer.del_cookie("uid")
    return answer


async def account(request: web.Request) -> web.Response:
    if _reader(request) is None:
        return _redirect("/login")
    return _page(request, "account.html")


async def cart(request: web.Request) -> web.Response:
    books = _cart(request)
    return _page(request, "cart.html", books=books, total=sum(each.price for each in books))


async def change_cart(request: web.Request) -> web.Response:
    form = await request.post()
    numbers = [str(each.id) for each in _cart(request)]
    if number := str(form.get("add", "")):
        numbers.append(number)
    elif (number := str(form.get("remove", ""))) in numbers:
        numbers.remove(number)
    answer = _redirect("/cart")
    answer.set_cookie("cart", ".".join(numbers[:50]), httponly=True, samesite="Lax")
    return answer


async def items(request: web.Request) -> web.Response:
    found = search(request.query.get("q", ""))
    return web.json_response({"items": [each.as_json() for each in found], "count": len(found)})


async def item(request: web.Request) -> web.Response:
    found = book(int(request.match_info["id"][:9]))
    if found is None:
        return web.json_response({"error": "no such book"}, status=404)
    return web.json_response(found.as_json())


async def live(request: web.Request) -> web.Response:
    return _page(request, "live.html")


async def upload_form(request: web.Request) -> web.Response:
    return _page(request, "upload.html")


async def healthy(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _page(request: web.Request, template: str, status: int = 200, **values: object) -> web.Response:
    visitor = {"reader": _reader(request), "in_cart": len(_cart(request)), "path": request.path}
    return aiohttp_jinja2.render_template(template, request, visitor | values, status=status)


def _reader(request: web.Request) -> str | None:
    name = request.cookies.get("uid")
    return name if name in READERS else None


def _cart(request: web.Request) -> list[Book]:
    numbers = request.cookies.get("cart", "").split(".")[:50]
    found = [book(int(number)) for number in numbers if number.isdecimal() and len(number) < 5]
    return [each for each in found if each is not None]


def _redirect(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path})
