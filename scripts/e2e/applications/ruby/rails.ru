# The application in one file of Rails, with its router and its default middleware.
ENV["RAILS_ENV"] = "production"
require "logger"
require "action_controller/railtie"

class Application < Rails::Application
  config.root = __dir__
  config.eager_load = true
  config.secret_key_base = "e" * 64
  config.logger = Logger.new($stderr, level: Logger::ERROR)
  config.load_defaults 6.1
  config.action_controller.allow_forgery_protection = false
  config.hosts.clear
  config.consider_all_requests_local = false
  config.paths["log"] = ["/dev/null"]

  routes.append do
    { "healthz" => "healthz", "public" => "public", "admin" => "admin", "x/admin" => "nested" }.each do |path, handler|
      match "/#{path}", to: "handlers##{handler}", via: :all
      match "/#{path}/*rest", to: "handlers##{handler}", via: :all
    end
    match "/exact", to: "handlers#exact", via: :all
    match "/*rest", to: "handlers#root", via: :all
    root to: "handlers#root", via: :all
  end
end

class HandlersController < ActionController::Base
  %w[healthz public admin exact nested root].each { |handler| define_method(handler) { answer(handler) } }

  private

  def answer(handler)
    response.set_header("X-Handler", handler)
    seen = {
      method: request.request_method, path: request.path, script: request.script_name, path_info: request.path_info,
      query: request.query_string, host: request.host_with_port, scheme: request.scheme, url: request.original_url,
      remote: request.remote_ip, ip: request.ip, user: request.env["REMOTE_USER"], full: request.fullpath,
      format: request.format.to_s, ajax: request.xhr?.inspect, subject: request.get_header("HTTP_X_BEARWARD_SUBJECT")
    }
    seen.transform_values! { |value| value.is_a?(String) ? value.dup.force_encoding("UTF-8").scrub : value }
    render json: { handler: handler, **seen }
  end
end

Application.initialize!
run Application
