// The pages of the table in Express: node express_app.js MODULES express PORT [express PORT ...]
"use strict";

const { createRequire } = require("node:module");

const [modules, ...apps] = process.argv.slice(2);
const load = createRequire(`${modules}/`);
const cookies = load("cookie-parser");

function page(handler) {
  return (request, response) => {
    const lines = [handler, request.hostname, request.cookies.uid, request.get("X-User-Id")];
    const texts = lines.map((line) => String(line ?? "").replaceAll("\n", "\r"));
    response.type("text/plain").send(texts.join("\n"));
  };
}

for (let i = 0; i < apps.length; i += 2) {
  const app = load(apps[i])();
  app.set("trust proxy", true); // as one behind a gateway is told to
  app.use(cookies());
  const anything = apps[i] === "express4" ? "*" : "{*rest}";
  app.all(["/search", `/search/${anything}`], page("search"));
  app.all(["/help", `/help/${anything}`], page("help"));
  app.use(page("other"));
  app.listen(Number(apps[i + 1]), "127.0.0.1");
}
