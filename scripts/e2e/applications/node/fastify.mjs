// The application with Fastify's router as it is by default: `fastify.mjs PORT`.
import Fastify from "fastify";

const app = Fastify({ trustProxy: "loopback" });
const method = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const view = (handler) => async (request, reply) => {
  reply.header("X-Handler", handler);
  return {
    handler,
    method: request.method,
    path: request.url,
    original: request.originalUrl,
    rest: request.params["*"] ?? null,
    host: request.host,
    hostname: request.hostname,
    scheme: request.protocol,
    remote: request.ip,
    forwarded: request.ips,
    user: request.headers["remote-user"] ?? null,
    subject: request.headers["x-bearward-subject"] ?? null,
  };
};

const routes = [
  ["healthz", ["/healthz", "/healthz/*"]],
  ["public", ["/public", "/public/*"]],
  ["admin", ["/admin", "/admin/*"]],
  ["exact", ["/exact"]],
  ["nested", ["/x/admin", "/x/admin/*"]],
  ["root", ["/", "/*"]],
];
app.addContentTypeParser("*", (_request, payload, done) => {
  payload.resume();
  payload.on("end", () => done(null));
});
for (const [handler, urls] of routes) {
  for (const url of urls) app.route({ method, url, handler: view(handler) });
}

await app.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
