// What the ``ws`` package of npm sees: ``node client.cjs PORT [BASE]``, with NODE_PATH at the package.
// Prints one JSON object: verdicts by case.
"use strict";
const crypto = require("node:crypto");
const WebSocket = require("ws");

const [port, base = ""] = process.argv.slice(2);
const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999];
const digest = (data) => crypto.createHash("sha256").update(data).digest("hex").slice(0, 12);

function open(path, options) {
  return new WebSocket(`ws://127.0.0.1:${port}${base}${path}`, ["chat"], options);
}

// Runs ``talk`` once the socket is open; resolves, when it has closed, to all that was seen.
function seen(path, options, talk) {
  return new Promise((resolve) => {
    const said = [];
    const socket = open(path, options);
    socket.on("open", () => {
      said.push(`open ${socket.protocol} ${JSON.stringify(socket.extensions)}`);
      talk(socket, said);
    });
    socket.on("unexpected-response", (_, answer) => said.push(`answer ${answer.statusCode}`));
    socket.on("error", (error) => said.push(`error ${error.message}`));
    socket.on("close", (code, reason) => {
      said.push(`closed ${code} ${reason}`);
      resolve(said.join("; "));
    });
  });
}

// Sends each of ``messages`` once the one before has come back, then closes.
function echo(messages, send) {
  return (socket, said) => {
    let at = 0;
    const next = () => (at < messages.length ? send(socket, messages[at++]) : socket.close(1000, "done"));
    socket.on("message", (data, binary) => {
      said.push(`${binary ? "binary" : "text"} ${data.length} ${digest(data)}`);
      next();
    });
    socket.on("pong", (data) => said.push(`pong ${data}`));
    next();
  };
}

function inFragments(socket, message) {
  const third = Math.floor(message.length / 3);
  socket.send(message.slice(0, third), { fin: false });
  socket.ping("first");
  socket.send(message.slice(third, 2 * third), { fin: false });
  socket.ping("second");
  socket.send(message.slice(2 * third), { fin: true });
}

async function main() {
  const found = {};
  const messages = ["", "text", "größer ".repeat(9000), Buffer.alloc(0), Buffer.alloc(70000, 7)];
  const deflate = { threshold: 0 };
  const fresh = { ...deflate, clientNoContextTakeover: true, serverNoContextTakeover: true };
  const ways = { plain: false, deflate, "deflate without context": fresh };
  for (const [name, perMessageDeflate] of Object.entries(ways)) {
    const options = { perMessageDeflate, maxPayload: 1 << 26 };
    found[`messages, ${name}`] = await seen("/", options, echo(messages, (s, m) => s.send(m)));
    found[`fragments, ${name}`] = await seen("/", options, echo(["three parts of it ".repeat(5000)], inFragments));
    found[`answers in fragments, ${name}`] = await seen("/fragments", options, echo(["four parts of it"], (s, m) => s.send(m)));
  }
  for (const code of codes) {
    if (code !== 1012) found[`close ${code}`] = await seen("/", {}, (s) => s.close(code, `for ${code}`));
    found[`closed with ${code}`] = await seen(`/close/${code}`, {}, () => {});
  }
  found["raw close with 999"] = await seen("/raw-close/999", {}, () => {});
  found.terminate = await seen("/", {}, (s) => s.terminate());
  found["another subprotocol"] = await new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${base}/`, ["other"]);
    socket.on("open", () => resolve("open"));
    socket.on("error", (error) => resolve(error.message));
  });
  process.stdout.write(JSON.stringify(found));
  process.exit(0);
}

main();
