<?php
// The application as a front controller, for PHP's own server and for FPM. Beside REQUEST_URI it reads what Laminas
// and older Symfony read for IIS, and overrides of the method as both and Laravel do.

$uri = $_SERVER['HTTP_X_ORIGINAL_URL'] ?? $_SERVER['HTTP_X_REWRITE_URL'] ?? $_SERVER['REQUEST_URI'];
$path = rawurldecode(explode('?', $uri, 2)[0]);
$method = $_SERVER['REQUEST_METHOD'];
if ($method === 'POST') {
    $override = $_SERVER['HTTP_X_HTTP_METHOD_OVERRIDE'] ?? $_REQUEST['_method'] ?? $method;
    $method = is_string($override) ? strtoupper($override) : $method;
}
$https = ($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https' || ($_SERVER['HTTPS'] ?? 'off') !== 'off'
    || ($_SERVER['HTTP_X_FORWARDED_SSL'] ?? '') === 'on' || ($_SERVER['HTTP_FRONT_END_HTTPS'] ?? 'off') !== 'off';

function is_below(string $path, string $prefix): bool
{
    return $path === $prefix || str_starts_with($path, "$prefix/");
}

$handler = match (true) {
    is_below($path, '/healthz') => 'healthz',
    is_below($path, '/public') => 'public',
    is_below($path, '/admin') => 'admin',
    $path === '/exact' => 'exact',
    is_below($path, '/x/admin') => 'nested',
    default => 'root',
};

header('Content-Type: application/json');
header("X-Handler: $handler");
echo json_encode([
    'handler' => $handler,
    'method' => $method,
    'path' => $path,
    'uri' => $_SERVER['REQUEST_URI'],
    'script' => $_SERVER['SCRIPT_NAME'],
    'self' => $_SERVER['PHP_SELF'],
    'path_info' => $_SERVER['PATH_INFO'] ?? null,
    'query' => $_SERVER['QUERY_STRING'] ?? '',
    'host' => $_SERVER['HTTP_X_FORWARDED_HOST'] ?? $_SERVER['HTTP_HOST'] ?? null,
    'server' => $_SERVER['SERVER_NAME'],
    'scheme' => $https ? 'https' : 'http',
    'address' => $_SERVER['REMOTE_ADDR'],
    'remote' => $_SERVER['HTTP_CLIENT_IP'] ?? $_SERVER['HTTP_X_FORWARDED_FOR'] ?? $_SERVER['REMOTE_ADDR'],
    'user' => $_SERVER['REMOTE_USER'] ?? $_SERVER['PHP_AUTH_USER'] ?? null,
    'proxy' => getenv('HTTP_PROXY') ?: ($_SERVER['HTTP_PROXY'] ?? null),
    'subject' => $_SERVER['HTTP_X_BEARWARD_SUBJECT'] ?? null,
], JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES);
