package tracker

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// flood writes 10 GiB of zeros, or as many as w takes.
func flood(w io.Writer) {
	chunk := make([]byte, 32<<10)
	for range 10 << 30 / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// zipped answers with a body that f writes and that claims to be gzip.
func zipped(f func(w io.Writer)) func(net.Conn, string) {
	return handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		f(w)
	}))
}

func floodOpen(w http.ResponseWriter, r *http.Request) { flood(w) }

func floodAnnounced(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", fmt.Sprint(10<<30))
	flood(w)
}

func gzipBomb(w io.Writer) {
	z := gzip.NewWriter(w)
	flood(z)
	z.Close()
}

func emptyMembers(w io.Writer) {
	var empty bytes.Buffer
	gzip.NewWriter(&empty).Close()
	for {
		if _, err := w.Write(empty.Bytes()); err != nil {
			return
		}
	}
}

func endlessHeaders(w io.Writer) {
	io.WriteString(w, "HTTP/1.1 200 OK\r\n")
	for i := 0; ; i++ {
		if _, err := fmt.Fprintf(w, "X-%d: %s\r\n", i, strings.Repeat("y", 1000)); err != nil {
			return
		}
	}
}

func endlessHeaderLine(w io.Writer) {
	io.WriteString(w, "HTTP/1.1 200 OK\r\nX: ")
	flood(w)
}

func byteASecond(w io.Writer) {
	for b := range strings.SplitSeq("HTTP/1.1 200 OK\r\n\r\n"+good, "") {
		if _, err := io.WriteString(w, b); err != nil {
			return
		}
		time.Sleep(time.Second) // virtual
	}
}

func bodyByteASecond(w http.ResponseWriter, r *http.Request) {
	flush := w.(http.Flusher).Flush
	for flush(); r.Context().Err() == nil; flush() {
		io.WriteString(w, "d")
		time.Sleep(time.Second) // virtual
	}
}

func slowRedirects(w http.ResponseWriter, r *http.Request) {
	time.Sleep(4 * time.Second) // virtual
	http.Redirect(w, r, "/again", http.StatusFound)
}

// hang takes everything and answers nothing.
func hang(nc net.Conn, _ string) {
	io.Copy(io.Discard, nc)
	nc.Close()
}

// TestH01HostileReplies: an announce stops at 1 MiB, on the wire or decoded, and at 15 s.
func TestH01HostileReplies(t *testing.T) {
	if maxBody != 1<<20 || announceTimeout != 15*time.Second {
		t.Errorf("an announce may take %d bytes and %v", maxBody, announceTimeout)
	}
	h := func(f http.HandlerFunc) func(net.Conn, string) { return handle(f) }
	tooLarge := func(err error) bool { return errors.Is(err, ErrTooLarge) }
	tooLate := func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
	badHeader := func(err error) bool { return strings.Contains(err.Error(), "header") }
	for name, c := range map[string]struct {
		serve func(net.Conn, string)
		want  func(error) bool
		takes time.Duration
	}{
		"10 GiB body":                {h(floodOpen), tooLarge, 0},
		"10 GiB announced":           {h(floodAnnounced), tooLarge, 0},
		"gzip bomb":                  {zipped(gzipBomb), tooLarge, 0},
		"endless empty gzip members": {zipped(emptyMembers), tooLarge, 0},
		"endless headers":            {raw(endlessHeaders), badHeader, 0},
		"endless header line":        {raw(endlessHeaderLine), badHeader, 0},
		"1 byte a second":            {raw(byteASecond), tooLate, announceTimeout},
		"body at 1 byte a second":    {h(bodyByteASecond), tooLate, announceTimeout},
		"silence":                    {hang, tooLate, announceTimeout},
		"endless redirects":          {h(slowRedirects), tooLate, announceTimeout},
	} {
		t.Run("H01 "+name, func(t *testing.T) {
			inBubble(t, c.serve, func(t *testing.T, m *memory, cl *Client) {
				start := time.Now()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := cl.Announce(t.Context(), request("http://tracker.test/announce"))
				runtime.ReadMemStats(&after)
				// The body, the buffer that doubled until it held it, and the server's own.
				if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
					t.Errorf("%d bytes were allocated", n)
				}
				if err == nil || !c.want(err) || strings.ContainsAny(err.Error(), "\x00\x1b\n") {
					t.Errorf("error %v", err)
				}
				if d := time.Since(start); d != c.takes {
					t.Errorf("took %v, want %v", d, c.takes)
				}
				// A little more than 1 MiB: chunk headers and what lay in buffers.
				if n := m.sent.Load(); n > maxBody+64<<10 {
					t.Errorf("%d bytes came over the wire", n)
				}
			})
		})
	}
}
