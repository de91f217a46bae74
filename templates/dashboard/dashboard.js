// The dashboard without a press of "load again". The server alone knows how a page looks: what has
// changed is fetched as the page that it is, and what differs is put in its place, so that focus, what
// was typed and what was opened stay. Without this file the forms post and the pages load again.
(() => {
  "use strict";
  const root = document.body.dataset.root;
  if (root === undefined) return; // nobody is logged in

  const news = document.getElementById("news");
  const live = document.getElementById("live");
  const words = document.getElementById("live-words");
  const CALM = 15000; // ms until the page is looked at in any case: it says how long ago things were

  // What differs

  function morph(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    if (old.hasAttribute("data-keep") || old.isEqualNode(fresh)) return;
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    if (!/^(INPUT|TEXTAREA|SELECT|svg)$/.test(old.nodeName)) morphChildren(old, fresh);
  }

  function morphChildren(old, fresh) {
    let at = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      const known = child.id && [...old.children].find((each) => each.id === child.id);
      if (known && known !== at) old.insertBefore(known, at);
      const here = known || (at && !at.id === !child.id && !(at.id && child.id) ? at : null);
      if (!here) { old.insertBefore(child, at); continue; }
      at = here.nextSibling;
      morph(here, child);
    }
    while (at) {
      const next = at.nextSibling;
      if (!at.matches?.(".wrong")) at.remove(); // a complaint is of this page alone, and stays to be read
      at = next;
    }
  }

  // Looking again

  const states = () => new Map([...document.querySelectorAll("[data-flag]")].map((each) => [each.dataset.flag, each.dataset.state]));

  function show(page) {
    const before = states();
    document.title = page.title;
    morph(document.body, document.adoptNode(page.body));
    const told = [...states()].filter(([flag, state]) => before.has(flag) && before.get(flag) !== state);
    if (told.length) news.textContent = told.map(([flag, state]) => `${flag} is ${state} now.`).join(" ");
  }

  async function read(answer) {
    if (new URL(answer.url).pathname.endsWith("/login")) return location.assign(answer.url);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.getElementById("main") ? page : null;
  }

  let planned = 0, missed = false, busy = false;

  function plan(wait) {
    if (document.hidden) { missed = true; return; }
    clearTimeout(planned);
    planned = setTimeout(look, wait);
  }

  async function look() {
    if (busy) return plan(100);
    try {
      const answer = await fetch(location.href.split("#")[0], { headers: { Accept: "text/html" }, cache: "no-store" });
      const page = answer.ok || answer.redirected ? await read(answer) : null;
      if (page && !busy) {
        const said = page.getElementById("said"), here = document.getElementById("said");
        if (said && here) said.textContent = here.textContent; // it is said until it fades
        show(page);
      }
    } catch { /* the stream says that nobody answers */ }
    plan(CALM);
  }

  // Forms

  let sending = Promise.resolve();

  async function send(form, body) {
    busy = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
      const page = await read(answer);
      if (!page) return;
      const wrong = answer.ok ? null : page.getElementById("wrong");
      if (wrong) { complain(form, wrong.textContent); return; }
      form.reset();
      document.querySelectorAll(".wrong").forEach((each) => each.remove());
      show(page);
      setTimeout(() => { const said = document.getElementById("said"); if (said) said.textContent = ""; }, 8000);
    } catch {
      complain(form, "No answer: it is not known whether this was done. Load the page again to see.");
    } finally {
      busy = false;
    }
  }

  function complain(form, text) {
    const line = form.querySelector(".wrong") || document.createElement("p");
    line.className = "wrong bad";
    line.setAttribute("role", "alert");
    line.textContent = text;
    form.append(line);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.action.endsWith("/logout")) return;
    event.preventDefault();
    // As it is pressed: by the time that it is sent, the button may say the opposite.
    const body = new URLSearchParams(new FormData(form, event.submitter));
    sending = sending.then(() => send(form, body));
  });

  // Counters

  const POINTS = 60;
  const series = new Map();
  let last = null;

  function draw(name, value) {
    const tile = document.querySelector(`[data-counter="${name}"]`);
    if (!tile) return;
    const points = series.get(name) || [];
    points.push(value);
    if (points.length > POINTS) points.shift();
    series.set(name, points);
    const most = Math.max(...points, 1);
    const path = points.map((each, at) => `${(120 * (at + POINTS - points.length)) / (POINTS - 1)} ${34 - (30 * each) / most}`).join("L");
    const start = (120 * (POINTS - points.length)) / (POINTS - 1);
    tile.querySelector(".line").setAttribute("d", `M${path}`);
    tile.querySelector(".area").setAttribute("d", `M${start} 36L${path}L120 36Z`);
    tile.querySelector(".figure").textContent = value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
  }

  function count(counters) {
    const { at, traffic, held } = counters;
    draw("in_flight", traffic.in_flight);
    draw("held", held);
    if (last) {
      const seconds = Math.max(at - last.at, 0.1);
      for (const name of ["forwarded", "refused"]) draw(name, Math.max(0, traffic[name] - last.traffic[name]) / seconds);
    }
    last = counters;
  }

  // The stream

  const events = () => {
    const source = new EventSource(`${root}events`);
    const say = (state, text) => { live.hidden = false; live.dataset.state = state; words.textContent = text; };
    source.onopen = () => { say("here", "Live"); plan(0); };
    source.addEventListener("counters", (event) => count(JSON.parse(event.data)));
    for (const name of ["flags", "health", "guards", "audit"]) source.addEventListener(name, () => plan(100));
    source.onerror = () => {
      say("away", "No answer just now; looking again");
      if (source.readyState === EventSource.CLOSED) { plan(0); setTimeout(events, 5000); }
    };
    addEventListener("pagehide", () => source.close());
  };

  document.addEventListener("visibilitychange", () => { if (!document.hidden && missed) { missed = false; plan(0); } });
  if (/[?&]done=/.test(location.search)) {
    const address = new URL(location.href);
    for (const name of ["done", "flag"]) address.searchParams.delete(name);
    history.replaceState(null, "", address);
  }
  events();
})();
