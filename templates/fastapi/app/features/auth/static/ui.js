// fastman: file ui
// The page of sign-in. Its texts stand in ui.html. It keeps no token: what a sign-in gives
// is exchanged at once for a cookie that no script can read.
import { authenticate, register } from "./passkey.js";

const base = "."; // the page stands beside the endpoints
const $ = (id) => document.getElementById(id);
let me = null; // who is signed in
let toVerify = null; // token of a mailed link that waits for its user

// Requests

async function call(method, path, body, token) {
  const headers = {};
  if (body) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) }).catch(() => {
    throw { error: "unreachable" };
  });
  const answer = await response.json().catch(() => null); // 204 has none
  if (!response.ok) throw { error: "refused", status: response.status, detail: answer?.detail };
  return answer;
}

function succeeded(result) {
  if (result.error) throw result;
  return result;
}

async function exchange({ access_token }) {
  await call("POST", "ui/session", undefined, access_token);
  me = await call("GET", "me");
}

async function enter(token) {
  await exchange(token);
  await (toVerify ? verify(toVerify) : openAccount());
}

// What is seen and said

function show(name) {
  for (const view of document.querySelectorAll("main > section")) view.hidden = view.id !== name;
  const title = $(`${name}-title`);
  document.title = title.textContent;
  title.focus();
  if (name === "signin") offerAutofill();
}

const text = (name) => document.querySelector(`[data-text="${CSS.escape(name)}"]`)?.textContent;

function say(words = "", isProblem = false) {
  const status = document.querySelector("dialog[open] .status") ?? $("status");
  status.textContent = words;
  status.classList.toggle("problem", isProblem);
}

function textOf({ error, detail }) {
  const said = Array.isArray(detail) ? detail[0]?.msg : detail; // a list at 422
  if (error === "unsupported" && detail) return `${text(error)} (${detail})`; // the browser's own words
  if (error !== "refused") return text(error) ?? text("failed");
  return (said && (text(said) ?? said)) || text("failed");
}

// attempt does what a control is for, and says what went wrong.
async function attempt(action, control) {
  if (control?.ariaBusy === "true") return;
  if (control) control.ariaBusy = "true";
  say();
  try {
    await action();
  } catch (problem) {
    fail(problem);
  } finally {
    if (control) control.ariaBusy = "false";
    if (control && !$("signin").hidden) offerAutofill();
  }
}

function fail(problem) {
  if (!("error" in problem)) throw problem; // a fault of this script
  if (problem.status === 401 && me) {
    me = null;
    show("signin");
    return say(text("session-over"), true);
  }
  say(textOf(problem), true);
}

function onClick(control, action) {
  control.addEventListener("click", () => attempt(action, control));
}

function onSubmit(id, action) {
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    attempt(async () => {
      await action(Object.fromEntries(new FormData(form)), event.submitter);
      form.reset();
    }, event.submitter);
  });
}

// asked opens a dialog and returns whether it was agreed to.
function asked(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  say();
  return new Promise((answer) => dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true }));
}

// recently makes a request that needs a recent sign-in, and asks for that one first where
// it must.
async function recently(request) {
  try {
    return await request();
  } catch (problem) {
    if (problem.detail !== "reauth_required") throw problem;
  }
  await confirmIdentity();
  return request();
}

async function confirmIdentity() {
  const dialog = $("again");
  const was = me.id;
  $("again-email").textContent = me.email;
  for (const input of dialog.querySelectorAll("[name=username]")) input.value = me.email;
  const agreed = await asked(dialog);
  if (agreed && me.id === was) return;
  if (agreed) await openAccount(); // that was somebody else
  throw { error: "cancelled" };
}

async function confirmed(token) {
  await exchange(token);
  $("again").close("yes");
}

// Rows of a list

function fill(row, fields) {
  for (const part of row.querySelectorAll("[data-of]")) {
    const value = fields[part.dataset.of];
    const time = part.matches("time") ? part : part.querySelector("time");
    if (value === null || value === false) part.remove();
    else if (time) setTime(time, value);
    else if (value !== true) part.textContent = value;
  }
}

const moment = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

function setTime(element, value) {
  element.dateTime = value;
  element.textContent = moment.format(new Date(value));
}

function list(id, template, all, wire) {
  const rows = all.map((fields, i) => {
    const row = $(template).content.cloneNode(true).firstElementChild;
    fill(row, fields);
    const name = row.querySelector("strong");
    name.id = `${id}-${i}`;
    for (const button of row.querySelectorAll("button")) button.setAttribute("aria-describedby", name.id);
    wire(row, fields);
    return row;
  });
  $(id).replaceChildren(...rows);
}

const browsers = { Edg: "Edge", OPR: "Opera", Firefox: "Firefox", Chrome: "Chrome", Safari: "Safari" };
const systems = { iPhone: "iPhone", iPad: "iPad", Android: "Android", CrOS: "ChromeOS", Windows: "Windows", "Mac OS": "macOS", Linux: "Linux" };

// deviceOf names browser and system: "Firefox, Linux".
function deviceOf(agent) {
  const known = [browsers, systems].map((names) => names[Object.keys(names).find((sign) => agent.includes(sign))]);
  return known.filter(Boolean).join(", ") || agent.split(" ")[0];
}

// Signing in

async function offerAutofill() {
  const result = await authenticate({ conditional: true, base });
  if (!result.error) await attempt(() => enter(result));
  else if (result.status === 400) say(textOf(result), true); // of what was chosen
}

const withPasskey = async () => succeeded(await authenticate({ base }));
const withNewPasskey = async (email) => succeeded(await register({ email, deviceName: deviceOf(navigator.userAgent), base }));

onClick($("signin-passkey"), async () => enter(await withPasskey()));
onClick($("again-passkey"), async () => confirmed(await withPasskey()));

onSubmit("signin-form", async (fields) => {
  // fastman: if jwt
  if (fields.password) return enter(await withPassword(fields.username, fields.password));
  // fastman: end
  await enter(await withPasskey());
});

onSubmit("register-form", async (fields) => {
  // fastman: if jwt
  if ($("register-password").open) return registerWithPassword(fields);
  // fastman: end
  await enter(await withNewPasskey(fields.email));
});

onSubmit("recover-code", async (fields) => recover(fields));

onSubmit("recover-mail", async ({ email }, button) => {
  // fastman: if jwt
  if (button.value === "forgot") {
    await call("POST", "password/forgot", { email });
    return say(text("mailed"));
  }
  // fastman: end
  await call("POST", "passkey/recovery/request", { email }).catch((problem) => {
    throw problem.status === 404 ? { error: "no-mail-recovery" } : problem;
  });
  say(text("mailed"));
});

async function recover(proof) {
  await enter(await call("POST", "passkey/recovery", proof));
  say(text("recovered"));
}

async function verify(token) {
  toVerify = me ? null : token;
  if (!me) {
    show("signin");
    return say(text("verify-first"));
  }
  await call("POST", "verify", { token });
  me = await call("GET", "me");
  await openAccount();
  say(text("verified"));
}
// fastman: if jwt

const withPassword = (username, password) => call("POST", "login", { username, password });

onSubmit("again-form", async ({ username, password }) => confirmed(await withPassword(username, password)));

async function registerWithPassword({ email, password }) {
  const user = await call("POST", "register", { email, password });
  if (user.id) return enter(await withPassword(email, password));
  show("signin"); // the app tells nobody whether there is such an account
  say(text("mailed"));
}

let resetToken;

function reset(token) {
  resetToken = token;
  show("reset");
}

onSubmit("reset-form", async ({ new_password }) => {
  await call("POST", "password/reset", { token: resetToken, new_password });
  me = null; // every session has ended
  show("signin");
  say(text("reset-done"));
});

onSubmit("password-form", async ({ current_password, new_password }) => {
  if (current_password) await call("POST", "password/change", { current_password, new_password });
  else await recently(() => call("POST", "password/set", { new_password }));
  await listSessions();
  say(text("password-saved"));
});
// fastman: end
// fastman: if oauth

for (const link of document.querySelectorAll("[data-login]")) link.search = new URLSearchParams({ next: location.pathname });

for (const item of document.querySelectorAll("[data-provider]")) {
  item.append($("provider-buttons").content.cloneNode(true));
  const path = `providers/${item.dataset.provider}`;
  onClick(item.querySelector(".link"), async () => {
    const { url } = await recently(() => call("POST", `${path}?${new URLSearchParams({ next: location.pathname })}`));
    location.assign(url);
  });
  onClick(item.querySelector(".unlink"), async () => {
    await recently(() => call("DELETE", path));
    await listProviders();
    say(text("disconnected"));
  });
}

async function listProviders() {
  const linked = (await call("GET", "providers")).map((identity) => identity.provider);
  for (const item of document.querySelectorAll("[data-provider]")) {
    const isLinked = linked.includes(item.dataset.provider);
    item.querySelector(".link").hidden = isLinked;
    item.querySelector(".unlink").hidden = !isLinked;
  }
}
// fastman: end

// The account

async function openAccount() {
  history.replaceState(null, "", location.pathname);
  $("account-email").textContent = me.email;
  $("unverified").hidden = me.is_verified;
  $("codes").hidden = true;
  // fastman: if jwt
  $("password-form").username.defaultValue = me.email;
  // fastman: end
  // fastman: if oauth
  await listProviders();
  // fastman: end
  await Promise.all([listPasskeys(), listSessions()]);
  show("account");
}

async function listPasskeys() {
  const all = await call("GET", "passkey/credentials");
  $("passkeys-none").hidden = all.length > 0;
  list("passkeys", "passkey-row", all, (row, passkey) => {
    const path = `passkey/credentials/${passkey.id}`;
    onClick(row.querySelector(".rename"), async () => {
      $("rename-name").value = passkey.device_name;
      if (!(await asked($("rename")))) return;
      await call("PATCH", path, { device_name: $("rename-name").value });
      await listPasskeys();
      say(text("renamed"));
    });
    onClick(row.querySelector(".remove"), async () => {
      $("remove-name").textContent = passkey.device_name;
      if (!(await asked($("remove")))) return;
      await recently(() => call("DELETE", path));
      await Promise.all([listPasskeys(), listSessions()]);
      say(text("removed"));
    });
  });
}

async function listSessions() {
  const all = await call("GET", "sessions");
  const named = all.map((session) => ({ ...session, user_agent: deviceOf(session.user_agent ?? "?") }));
  $("sessions-end").hidden = all.length < 2;
  list("sessions", "session-row", named, (row, session) => {
    const end = row.querySelector(".end");
    end.hidden = session.current;
    onClick(end, async () => {
      await call("DELETE", `sessions/${session.id}`);
      await listSessions();
      say(text("ended"));
    });
  });
}

onClick($("passkey-add"), async () => {
  await recently(() => withNewPasskey(me.email));
  await listPasskeys();
  say(text("added"));
});

onClick($("codes-make"), async () => {
  const { codes } = await recently(() => call("POST", "passkey/recovery/codes"));
  $("codes-list").replaceChildren(
    ...codes.map((code) => {
      const item = document.createElement("li");
      item.append(Object.assign(document.createElement("code"), { textContent: code }));
      return item;
    }),
  );
  $("codes").hidden = false;
});

onClick($("codes-copy"), async () => {
  await navigator.clipboard.writeText([...document.querySelectorAll("#codes-list code")].map((code) => code.textContent).join("\n"));
  say(text("copied"));
});

onClick($("sessions-end"), async () => {
  await call("DELETE", "sessions");
  await listSessions();
  say(text("others-ended"));
});

onClick($("verify-request"), async () => {
  await call("POST", "verify/request");
  say(text("verify-mailed"));
});

onClick($("signout"), async () => {
  await call("POST", "logout");
  me = null;
  show("signin");
  say(text("signed-out"));
});

// Where a link leads, of this page or of a mail

const mailed = {
  recover: (token) => recover({ token }),
  verify,
  // fastman: if jwt
  reset,
  // fastman: end
};

async function route() {
  const [name, token] = location.hash.slice(1).split("=");
  if (token) history.replaceState(null, "", location.pathname); // it belongs into no history
  if (token && mailed[name]) return mailed[name](token);
  if (me) return openAccount();
  show(name === "register" || name === "recover" ? name : "signin");
}

async function start() {
  try {
    me = await call("GET", "me");
  } catch (problem) {
    if (problem.status !== 401) {
      show("signin");
      throw problem;
    }
  }
  await route();
}

addEventListener("hashchange", () => attempt(route));
await attempt(start);
