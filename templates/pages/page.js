(() => {
  "use strict";
  const main = document.querySelector("main");
  const look = document.getElementById("look");
  const words = document.getElementById("words");
  const news = document.getElementById("news");
  const back = document.getElementById("return");
  const { probe, retry } = main.dataset;
  const told = JSON.parse(main.dataset.words);
  const repeatable = "repeatable" in main.dataset;

  if (back && history.length > 1) {
    back.hidden = false;
    back.addEventListener("click", () => history.back());
  }
  if (!probe || !window.fetch) return;

  let timer = 0;
  let busy = false;
  let done = false;
  let failures = 0;
  let retryAfter = Number(retry) || 0;

  const say = (state, text) => {
    look.hidden = false;
    look.dataset.state = state;
    words.textContent = text;
  };
  // 5 to 15 s, sooner where Retry-After is short; each visitor at another moment.
  const pause = () => {
    const longest = Math.min(Math.max(retryAfter, 8), 15);
    return 1000 * (5 + Math.random() * (longest - 5)) * 2 ** Math.min(failures, 2);
  };
  const plan = (wait) => {
    clearTimeout(timer);
    if (!document.hidden && !done) timer = setTimeout(check, wait);
  };
  // A redirect cannot be read (status 0), and is the site's. 502 and 504 are no site yet.
  const isBack = (answer) =>
    !answer.headers.has("X-Maintenance") && answer.status !== 502 && answer.status !== 504;

  async function ask() {
    const abort = new AbortController();
    const limit = setTimeout(() => abort.abort(), 10000);
    try {
      return await fetch(location.href.split("#")[0], {
        method: probe, cache: "no-store", redirect: "manual", signal: abort.signal,
      });
    } catch {
      return null;
    } finally {
      clearTimeout(limit);
      if (probe !== "HEAD") abort.abort();
    }
  }

  async function check() {
    if (busy || done) return;
    busy = true;
    say("checking", told.checking);
    const seen = new Promise((enough) => setTimeout(enough, 600));
    const answer = await ask();
    await seen;
    busy = false;
    if (answer && isBack(answer)) return welcome();
    failures = answer ? 0 : failures + 1;
    if (answer) advance(answer.headers.get("X-Maintenance-Progress"));
    if (answer) retryAfter = Number(answer.headers.get("Retry-After")) || 0;
    const time = new Date().toLocaleTimeString(document.documentElement.lang, { timeStyle: "medium" });
    say("waiting", answer ? told.looked.replace("{time}", time)
      : navigator.onLine === false ? told.offline : told.silent);
    plan(pause());
  }

  function advance(percent) {
    const bar = document.querySelector("progress");
    const said = document.getElementById("progress");
    if (!bar || percent === null) return;
    bar.value = Number(percent);
    said.textContent = said.dataset.said.replace("{percent}", percent);
    bar.setAttribute("aria-label", said.textContent);
  }

  function welcome() {
    done = true;
    look.hidden = true;
    document.documentElement.classList.add("open");
    if (!repeatable) {
      document.title = `✓ ${document.title}`;
      news.textContent = told.open_unsent;
      return;
    }
    news.textContent = told.open;
    setTimeout(leave, 900);
  }

  // A navigation, not a reload: should this page have answered a form, it is not sent again.
  // With a fragment that would only scroll; a page known to be a GET's can be reloaded.
  function leave() {
    if (location.hash) location.reload();
    else location.replace(location.href);
  }

  document.addEventListener("visibilitychange", () => plan(Math.random() * 1500));
  window.addEventListener("online", () => plan(Math.random() * 1500));
  say("waiting", told.looks);
  plan(pause());
})();
