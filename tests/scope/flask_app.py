"""The pages of the table in Flask."""

from __future__ import annotations

import sys

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import run_simple

from tests.scope.says import says

app = Flask(__name__)


def page(handler: str) -> Response:
    cookie, header = request.cookies.get("uid"), request.headers.get("X-User-Id")
    return Response(says(handler, request.host, cookie, header), mimetype="text/plain")


@app.route("/search")
@app.route("/search/")
@app.route("/search/<path:rest>")
def search(rest: str = "") -> Response:
    return page("search")


@app.route("/help")
@app.route("/help/")
@app.route("/help/<path:rest>")
def help_(rest: str = "") -> Response:
    return page("help")


@app.route("/")
@app.route("/<path:rest>")
def other(rest: str = "") -> Response:
    return page("other")


behind_proxy = ProxyFix(app, x_host=1, x_prefix=1)


def main(port: int) -> None:
    run_simple("127.0.0.1", port, app, threaded=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
