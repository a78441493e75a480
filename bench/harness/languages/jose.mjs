// jose with a remote key set, as its manual has it: jose.mjs ISSUER FILE. Prints tokens a second of
// processor time.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The package is in the folder where this runs, not in that of this file.
const found = createRequire(`${process.cwd()}/`).resolve("jose");
const { createRemoteJWKSet, jwtVerify } = await import(pathToFileURL(found));

const [issuer, file] = process.argv.slice(2);
const tokens = readFileSync(file, "utf8").split("\n").filter(Boolean);
const keys = createRemoteJWKSet(new URL(`${issuer}/oauth2/jwks`));
const verify = (token) =>
  jwtVerify(token, keys, { algorithms: ["RS256"], audience: issuer, issuer, typ: "at+jwt" });

await verify(tokens[0]);
const letter = tokens[0].at(-50) === "A" ? "B" : "A";
const accepted = await verify(tokens[0].slice(0, -50) + letter + tokens[0].slice(-49)).then(
  () => true,
  () => false,
);
if (accepted) throw new Error("a spoilt signature was accepted");
const start = process.cpuUsage();
for (const token of tokens) await verify(token);
const { user, system } = process.cpuUsage(start);
console.log((tokens.length * 1e6) / (user + system));
