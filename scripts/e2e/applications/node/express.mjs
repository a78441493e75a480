// The application with Express's router as it is by default: `express.mjs PORT`.
import express from "express";
import methodOverride from "method-override";

const app = express();
app.set("trust proxy", "loopback");
app.use(methodOverride());
app.use(methodOverride("_method"));

const view = (handler) => (request, response) => {
  response.set("X-Handler", handler);
  response.json({
    handler,
    method: request.method,
    path: request.path,
    script: request.baseUrl,
    url: request.url,
    original: request.originalUrl,
    host: request.host,
    hostname: request.hostname,
    scheme: request.protocol,
    remote: request.ip,
    forwarded: request.ips,
    user: request.headers["remote-user"] ?? null,
    subject: request.headers["x-bearward-subject"] ?? null,
  });
};

// A prefix as `use` takes it, and one as a pattern.
app.use("/healthz", view("healthz"));
app.all(["/public", "/public/*rest"], view("public"));
const admin = express.Router();
admin.all(["/", "/*rest"], view("admin"));
app.use("/admin", admin);
app.all("/exact", view("exact"));
app.all(["/x/admin", "/x/admin/*rest"], view("nested"));
app.all(["/", "/*rest"], view("root"));

app.listen(Number(process.argv[2]), "127.0.0.1");
