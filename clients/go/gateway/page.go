package gateway

import (
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// pageAt serves the web client's files. Folders without an index are not listed.
func pageAt(files fs.FS) http.Handler {
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			refuseWith(w, r, http.StatusMethodNotAllowed, "method not allowed")
			return
		}
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if name == "" {
			name = "."
		}
		found, err := fs.Stat(files, name)
		if err == nil && found.IsDir() {
			_, err = fs.Stat(files, path.Join(name, "index.html"))
		}
		if err != nil {
			notFound(w, r)
			return
		}
		// A new version must be seen at once; what has not changed is not sent again.
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		server.ServeHTTP(w, r)
	})
}
