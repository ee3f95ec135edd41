// fastman: file passkey
// Both give the server's JSON or {error, detail?, status?}: cancelled, timeout, exists,
// unsupported, unreachable, or refused (by the server).

// With the token or the cookie of a session it adds a passkey to that account.
export const register = ({ email, username, deviceName, ...how }) =>
  ceremony("create", "register", { email, username }, { email, device_name: deviceName }, how);

// Conditional waits for the autofill of an input with autocomplete="username webauthn".
export async function authenticate(how = {}) {
  for (;;) {
    const result = await ceremony("get", "authenticate", {}, {}, how);
    if (!how.conditional || result.error !== "timeout") return result;
    await new Promise(requestAnimationFrame); // once the tab is seen
  }
}

let current; // browsers allow one at a time

async function ceremony(act, kind, asked, sent, { base = "/auth", token, conditional, signal }) {
  current?.abort();
  const mine = (current = new AbortController());
  signal?.addEventListener("abort", () => mine.abort());
  try {
    if (conditional && !(await PublicKeyCredential.isConditionalMediationAvailable?.())) throw { error: "unsupported" };
    const path = `${base}/passkey/${kind}/`;
    const publicKey = decoded(await post(path + "options", asked, token));
    setTimeout(() => mine.abort({ error: "timeout" }), publicKey.timeout * 0.9);
    const how = { publicKey, mediation: conditional ? "conditional" : "optional", signal: mine.signal };
    const { id, type, response } = await navigator.credentials[act](how);
    const fields = { transports: response.getTransports?.() };
    for (const name in response) if (response[name]?.byteLength) fields[name] = text(response[name]);
    return await post(path + "verify", { ...sent, credential: { id, rawId: id, type, response: fields } }, token);
  } catch (problem) {
    const { name, message, error = errors[name] ?? "unsupported", detail = message, status } = mine.signal.reason ?? problem;
    return { error, detail, status };
  }
}

const errors = { NotAllowedError: "cancelled", AbortError: "cancelled", InvalidStateError: "exists" };

async function post(url, body, token) {
  const headers = { "Content-Type": "application/json", ...(token && { Authorization: "Bearer " + token }) };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => {
    throw { error: "unreachable" };
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw { ...answer, error: "refused", status: response.status };
  return answer;
}

function decoded(options) {
  options.challenge = bytes(options.challenge);
  for (const one of [options.user].concat(options.excludeCredentials)) if (one) one.id = bytes(one.id);
  return options;
}

// base64url
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt());
const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/[+/=]/g, (c) => ({ "+": "-", "/": "_" })[c] ?? "");
