// What goes on behind the conversation: allowance, tokens, pushes, calls, faults, the account itself.

import { $, make, options, reconcile, say } from "./dom.js";

const TONES = { answered: "good", silent: "plain", refused: "danger", unanswered: "danger", held: "warning" };

/** Draw the whole panel from a state. */
export function drawPanel(state) {
  drawAllowance(state.customer);
  drawAccount(state);
  drawLog("pushes", state.pushes, drawPush);
  drawLog("calls", state.calls, drawCall);
  drawFaults(state);
}

function drawAllowance(customer) {
  const windows = customer?.windows ?? [];
  $("left").textContent = customer?.left ?? 0;
  $("left").className = customer?.left ? "" : "spent";
  const words = windows.length ? "allowance_used" : "allowance_none";
  $("left-words").textContent = say(customer?.left ? "allowance_left" : words);
  reconcile($("windows"), windows, (w) => w.trigger, (window) =>
    make(
      "li",
      {},
      make("span", {}, say(`window_${window.trigger}`)),
      make("span", { class: "dots", role: "img", "aria-label": say("of", window) }, ...dots(window)),
      make("time", { "data-until": window.ends_at }),
    ),
  );
}

function dots(window) {
  return Array.from({ length: window.count }, (_, i) => make("i", { class: i < window.left ? "on" : "" }));
}

function drawAccount({ account, tokens, limits, customer }) {
  const verified = $("verified");
  verified.textContent = say(account.verified ? "verified" : "unverified");
  verified.className = `tag ${account.verified ? "good" : account.verification ? "danger" : "plain"}`;
  $("verification").textContent = account.verification;
  options($("set-kind"), account.kinds, account.kind, (kind) => say(`kind_${kind}`));
  options($("set-mode"), account.modes, account.mode, (mode) => say(`mode_${mode}`));
  options($("set-format"), ["xml", "json"], account.format, (format) => format.toUpperCase());
  const names = ["outcome_success", "outcome_block", "outcome_system", "outcome_freq"];
  const nameOf = (outcome) => say(names[account.template_outcomes.indexOf(outcome)]);
  options($("set-templates"), account.template_outcomes, customer?.templates, nameOf);
  drawTokens(tokens);
  reconcile($("limits"), limits, (limit) => limit.path, (limit) =>
    make(
      "li",
      {},
      make("code", {}, limit.path.replace("/cgi-bin/", "")),
      make("span", {}, `${limit.used} / ${limit.limit.toLocaleString()}`),
    ),
  );
}

function drawTokens(tokens) {
  const list = tokens.length ? tokens : [{ kind: "" }];
  reconcile($("tokens"), list, (token) => token.kind, (token) =>
    token.kind
      ? make(
          "li",
          {},
          make("span", { class: token.works ? "tag good" : "tag danger" }, say(`token_${token.kind}`)),
          make("code", {}, `${token.begins}…`),
          token.works ? make("time", { "data-until": token.ends_at }) : make("span", {}, say("token_dead")),
        )
      : make("li", { class: "note" }, say("tokens_none")),
  );
}

function drawLog(name, entries, draw) {
  $(`no-${name}`).hidden = entries.length > 0;
  $(`count-${name}`).textContent = entries.length ? entries[0].number : "";
  reconcile($(name), entries, (entry) => entry.number, draw);
}

function drawPush(push) {
  const tries = push.attempts.map((attempt) =>
    make(
      "span",
      { class: `try ${attempt.problem ? "bad" : attempt.status ? "ok" : ""}`, title: attempt.problem },
      `${attempt.number} · ${attempt.status || "–"} · ${Math.round(attempt.seconds * 1000)} ms`,
    ),
  );
  const outcome = push.outcome.replace(" ", "_");
  return make(
    "details",
    { class: "entry" },
    make(
      "summary",
      {},
      make("strong", {}, push.name),
      make("span", { class: "note" }, `${push.customer} · ${say(`mode_${push.mode}`)} · ${push.format.toUpperCase()}`),
      make("span", { class: `tag ${TONES[outcome] ?? "info"}` }, say(`outcome_${outcome}`)),
      make("span", { class: "tries" }, ...tries),
      push.problem ? make("span", { class: "problem" }, push.problem) : null,
    ),
    make("section", {}, raw("message", JSON.stringify(JSON.parse(push.message), null, 1))),
    ...push.attempts.map(drawAttempt),
  );
}

function drawAttempt(attempt) {
  return make(
    "section",
    {},
    make("h3", {}, say("try", attempt), " ", make("time", { class: "note" }, clock(attempt.at))),
    attempt.problem ? make("p", { class: "problem" }, attempt.problem) : null,
    raw("query", new URLSearchParams(attempt.query).toString().replaceAll("&", "\n&")),
    raw("body", attempt.body),
    raw("answer", attempt.status ? `HTTP ${attempt.status}\n${attempt.answer || say("none")}` : say("none")),
  );
}

function drawCall(call) {
  const failed = call.code !== 0 || call.status !== 200;
  const code = call.status === 200 ? call.code : `HTTP ${call.status}`;
  return make(
    "details",
    { class: "entry" },
    make(
      "summary",
      {},
      make("span", { class: `tag ${failed ? "danger" : "good"}` }, String(code)),
      make("strong", {}, call.path.replace("/cgi-bin/", "")),
      make("time", { class: "note" }, clock(call.at)),
    ),
    make("section", {}, raw("body", call.body || say("none")), raw("answer", call.answer || say("none"))),
  );
}

function raw(title, text) {
  return make("div", { class: "raw" }, make("h4", {}, say(title)), make("pre", { tabindex: "0" }, text));
}

function clock(at) {
  return new Date(at).toLocaleTimeString(document.documentElement.lang, { hourCycle: "h23" });
}

function drawFaults({ account, faults }) {
  options($("push-kind"), account.push_faults, undefined, faultName);
  options($("api-kind"), account.api_faults, undefined, faultName);
  $("no-faults").hidden = faults.length > 0;
  $("clear-faults").hidden = !faults.length;
  $("count-faults").textContent = faults.length || "";
  const numbered = faults.map((fault, number) => ({ ...fault, number }));
  reconcile($("faults"), numbered, (fault) => fault.number, (fault) =>
    make(
      "li",
      {},
      make("span", { class: "tag warning" }, faultName(fault.kind)),
      make("code", {}, fault.match),
      make("span", {}, `× ${fault.times}`),
    ),
  );
}

function faultName(kind) {
  if (!/^-?\d+$/.test(kind)) return say(`fault_${kind}`);
  return kind.length === 3 ? `HTTP ${kind}` : `errcode ${kind}`;
}
