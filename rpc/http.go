package rpc

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	headerID      = "X-Transmission-Session-Id"
	headerVersion = "X-Transmission-Rpc-Version"
	healthTime    = 2 * time.Second
	// pace is how long a caller may take for each step of a body.
	pace = 10 * time.Second
	// gzipFrom is the size from which answers are compressed for those who ask for it.
	gzipFrom = 1 << 10
	// keptBuffer is the size up to which buffers are used again.
	keptBuffer = 1 << 20
)

// calls answers a POST with calls.
func (s *Server) calls(w http.ResponseWriter, r *http.Request, c caller) {
	h := w.Header()
	h.Set(headerVersion, semver)
	if id := s.ids.current(s.now()); !s.ids.valid(r.Header.Get(headerID), s.now()) {
		h.Set(headerID, id)
		refuse409(w, id)
		return
	}
	if r.Method != http.MethodPost {
		h.Set("Allow", "POST, OPTIONS")
		refuse(w, http.StatusMethodNotAllowed, "Calls are sent with POST.")
		return
	}
	body, done, code := s.body(w, r)
	defer done()
	if code != 0 {
		refuse(w, code, bodyWords[code])
		return
	}
	select {
	case s.room <- struct{}{}:
	case <-r.Context().Done():
		refuse(w, http.StatusServiceUnavailable, "The daemon ends.")
		return
	}
	buffer := buffers.Get().(*[]byte)
	answer := func() []byte {
		defer func() { <-s.room }()
		return s.serve(r.Context(), body, (*buffer)[:0], c.unix || s.opt.LocalPaths && c.loopback())
	}()
	if len(answer) == 0 {
		w.WriteHeader(http.StatusNoContent)
	} else {
		h.Set("Content-Type", "application/json; charset=UTF-8")
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime))
		write(w, r, answer)
	}
	if cap(answer) <= keptBuffer {
		*buffer = answer[:0]
		buffers.Put(buffer)
	}
}

// refuse409 tells the session id in the body too: some clients look for it there. The connection stays open: they call again.
func refuse409(w http.ResponseWriter, id string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusConflict)
	_, _ = w.Write([]byte("<h1>409: Conflict</h1><p>Calls must carry this header, which keeps pages of other sites from calling:</p><p><code>" +
		headerID + ": " + id + "</code></p>\n"))
}

var bodyWords = map[int]string{
	http.StatusRequestEntityTooLarge: "A request has at most 16 MiB.",
	http.StatusRequestTimeout:        "The request came too slowly.",
	http.StatusServiceUnavailable:    errBusy.Error(),
	http.StatusBadRequest:            "The request did not come whole.",
}

// body reads a request's body. If it cannot it returns a status code; done must be called in any case, after the last use of the bytes.
func (s *Server) body(w http.ResponseWriter, r *http.Request) (body []byte, done func(), code int) {
	taken := int64(0)
	done = func() { s.bodies.give(taken) }
	if r.ContentLength > maxBody {
		return nil, done, http.StatusRequestEntityTooLarge
	}
	control := http.NewResponseController(w)
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	from := http.MaxBytesReader(w, r.Body, maxBody)
	for {
		_ = control.SetReadDeadline(time.Now().Add(pace))
		step := max(4<<10, min(len(body), smallBody))
		if grown := int64(len(body) + step); grown > smallBody+taken {
			if !s.bodies.take(grown - smallBody - taken) {
				return nil, done, http.StatusServiceUnavailable
			}
			taken = grown - smallBody
		}
		at := len(body)
		body = append(body, make([]byte, step)...)
		n, err := io.ReadFull(from, body[at:])
		body = body[:at+n]
		switch tooLarge := (*http.MaxBytesError)(nil); {
		case err == io.EOF || err == io.ErrUnexpectedEOF && (r.ContentLength < 0 || int64(len(body)) == r.ContentLength):
			return body, done, 0
		case errors.As(err, &tooLarge):
			return nil, done, http.StatusRequestEntityTooLarge
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, done, http.StatusRequestTimeout
		case err != nil:
			return nil, done, http.StatusBadRequest
		}
	}
}

var (
	buffers = sync.Pool{New: func() any { return new([]byte) }}
	zippers = sync.Pool{New: func() any { z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed); return z }}
)

// write sends an answer, compressed for those who ask for it.
func write(w http.ResponseWriter, r *http.Request, answer []byte) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if len(answer) < gzipFrom || !acceptsGzip(r) {
		h.Set("Content-Length", strconv.Itoa(len(answer)))
		_, _ = w.Write(answer)
		return
	}
	h.Set("Content-Encoding", "gzip")
	z := zippers.Get().(*gzip.Writer)
	z.Reset(w)
	if _, err := z.Write(answer); err == nil {
		_ = z.Close()
	}
	z.Reset(io.Discard)
	zippers.Put(z)
}

func acceptsGzip(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			name, q, _ := strings.Cut(coding, ";")
			name = strings.TrimSpace(name)
			if name == "gzip" || name == "*" {
				q = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(q), "q="))
				weight, err := strconv.ParseFloat(q, 64)
				return q == "" || err == nil && weight > 0
			}
		}
	}
	return false
}
