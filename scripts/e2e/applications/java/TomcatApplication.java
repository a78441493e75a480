import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import org.apache.catalina.startup.Tomcat;
import org.apache.catalina.valves.RemoteIpValve;

/** The application as servlets, behind the valve that reads forwarding fields: {@code TomcatApplication PORT FOLDER}. */
public final class TomcatApplication {
    public static void main(String[] arguments) throws Exception {
        var tomcat = new Tomcat();
        tomcat.setBaseDir(arguments[1]);
        tomcat.setHostname("127.0.0.1");
        tomcat.setPort(Integer.parseInt(arguments[0]));
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        tomcat.getConnector().setProperty("maxKeepAliveRequests", "-1");
        var valve = new RemoteIpValve();
        valve.setHostHeader("X-Forwarded-Host");
        valve.setPortHeader("X-Forwarded-Port");
        tomcat.getEngine().getPipeline().addValve(valve);
        var context = tomcat.addContext("", arguments[1]);
        for (var route : new String[][] {
            {"healthz", "/healthz/*"}, {"public", "/public/*"}, {"admin", "/admin/*"}, {"exact", "/exact"},
            {"nested", "/x/admin/*"}, {"root", "/"},
        }) {
            Tomcat.addServlet(context, route[0], new Handler(route[0]));
            context.addServletMappingDecoded(route[1], route[0]);
        }
        tomcat.start();
        tomcat.getServer().await();
    }

    private static final class Handler extends HttpServlet {
        private final String name;

        Handler(String name) {
            this.name = name;
        }

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
            request.getInputStream().readAllBytes();
            var seen = new LinkedHashMap<String, Object>();
            seen.put("handler", name);
            seen.put("method", request.getMethod());
            seen.put("path", request.getServletPath());
            seen.put("rest", request.getPathInfo());
            seen.put("script", request.getContextPath());
            seen.put("uri", request.getRequestURI());
            seen.put("url", request.getRequestURL());
            seen.put("query", request.getQueryString());
            seen.put("host", request.getServerName());
            seen.put("port", request.getServerPort());
            seen.put("scheme", request.getScheme());
            seen.put("remote", request.getRemoteAddr());
            seen.put("remoteHost", request.getRemoteHost());
            seen.put("user", request.getRemoteUser());
            seen.put("subject", request.getHeader("X-Bearward-Subject"));
            var body = Json.of(seen).getBytes(StandardCharsets.UTF_8);
            response.setHeader("X-Handler", name);
            response.setContentType("application/json");
            response.setContentLength(body.length);
            response.getOutputStream().write(body);
        }
    }
}
