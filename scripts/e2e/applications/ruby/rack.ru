# The application with Rack's own router alone.
require "json"
require "rack"

answer = lambda do |handler|
  lambda do |env|
    request = Rack::Request.new(env)
    seen = {
      handler: handler, method: request.request_method, path: request.path, script: env["SCRIPT_NAME"],
      path_info: env["PATH_INFO"], query: env["QUERY_STRING"], host: request.host_with_port, scheme: request.scheme,
      url: request.url, remote: request.ip, address: env["REMOTE_ADDR"], user: env["REMOTE_USER"],
      server: env["SERVER_NAME"], subject: env["HTTP_X_BEARWARD_SUBJECT"]
    }
    seen.transform_values! { |value| value.is_a?(String) ? value.dup.force_encoding("UTF-8").scrub : value }
    seen[:handler] = handler
    [200, { "Content-Type" => "application/json", "X-Handler" => handler }, [JSON.generate(seen)]]
  end
end

use Rack::MethodOverride
map("/healthz") { run answer.("healthz") }
map("/public") { run answer.("public") }
map("/admin") { run answer.("admin") }
map("/x/admin") { run answer.("nested") }
map("/exact") { run ->(env) { answer.(env["PATH_INFO"].empty? ? "exact" : "root").call(env) } }
map("/") { run answer.("root") }
