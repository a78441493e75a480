import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.concurrent.Executors;

/** The application with the JDK's own server, whose contexts are its router: {@code HttpServerApplication PORT}. */
public final class HttpServerApplication {
    public static void main(String[] arguments) throws IOException {
        var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(arguments[0]));
        var server = HttpServer.create(address, 256);
        server.createContext("/healthz", exchange -> answer(exchange, "healthz"));
        server.createContext("/public", exchange -> answer(exchange, "public"));
        server.createContext("/admin", exchange -> answer(exchange, "admin"));
        // A context is a prefix: what is to be exact looks at the path.
        server.createContext("/exact", exchange ->
            answer(exchange, exchange.getRequestURI().getPath().equals("/exact") ? "exact" : "root"));
        server.createContext("/x/admin", exchange -> answer(exchange, "nested"));
        server.createContext("/", exchange -> answer(exchange, "root"));
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
    }

    private static void answer(HttpExchange exchange, String handler) throws IOException {
        exchange.getRequestBody().readAllBytes();
        var uri = exchange.getRequestURI();
        var seen = new LinkedHashMap<String, Object>();
        seen.put("handler", handler);
        seen.put("method", exchange.getRequestMethod());
        seen.put("path", uri.getPath());
        seen.put("raw", uri.getRawPath());
        seen.put("query", uri.getRawQuery());
        seen.put("authority", uri.getRawAuthority());
        seen.put("context", exchange.getHttpContext().getPath());
        seen.put("host", exchange.getRequestHeaders().getFirst("Host"));
        seen.put("remote", exchange.getRemoteAddress().getAddress().getHostAddress());
        seen.put("user", exchange.getPrincipal());
        seen.put("subject", exchange.getRequestHeaders().getFirst("X-Bearward-Subject"));
        var body = Json.of(seen).getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("X-Handler", handler);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        boolean isHead = exchange.getRequestMethod().equals("HEAD");
        exchange.sendResponseHeaders(200, isHead ? -1 : body.length);
        if (!isHead) {
            exchange.getResponseBody().write(body);
        }
        exchange.close();
    }
}
