// The application with the router of net/http, and gorilla's middleware around it: `main PORT`.
package main

import (
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/gorilla/handlers"
)

func view(handler string) http.HandlerFunc {
	return func(response http.ResponseWriter, request *http.Request) {
		remote := request.RemoteAddr
		if host, _, err := net.SplitHostPort(remote); err == nil {
			remote = host
		}
		user, _, _ := request.BasicAuth()
		response.Header().Set("X-Handler", handler)
		response.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(response).Encode(map[string]string{
			"handler": handler,
			"method":  request.Method,
			"path":    request.URL.Path,
			"raw":     request.URL.EscapedPath(),
			"uri":     request.RequestURI,
			"query":   request.URL.RawQuery,
			"host":    request.Host,
			"scheme":  request.URL.Scheme,
			"remote":  remote,
			"user":    user,
			"subject": request.Header.Get("X-Bearward-Subject"),
		})
	}
}

func main() {
	mux := http.NewServeMux()
	for _, route := range []struct{ handler, pattern string }{
		{"healthz", "/healthz"},
		{"healthz", "/healthz/"},
		{"public", "/public"},
		{"public", "/public/"},
		{"admin", "/admin"},
		{"admin", "/admin/"},
		{"exact", "/exact"},
		{"nested", "/x/admin"},
		{"nested", "/x/admin/"},
		{"root", "/"},
	} {
		mux.HandleFunc(route.pattern, view(route.handler))
	}
	application := handlers.ProxyHeaders(handlers.HTTPMethodOverrideHandler(mux))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], application))
}
