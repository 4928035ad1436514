package rpc

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"shoal/internal/fakeengine"
	"shoal/status"
)

// What a list of 10,000 torrents costs: the limits are those of the plan, 300 ms and 10 ms.

const (
	fullList = `{"method":"torrent-get","arguments":{"fields":["id","hashString","name","status","percentDone","rateDownload","rateUpload","eta","sizeWhenDone","uploadRatio"]}}`
	recent   = `{"method":"torrent-get","arguments":{"ids":"recently-active","fields":["id","hashString","name","status","percentDone","rateDownload","rateUpload","eta","sizeWhenDone","uploadRatio"]}}`
)

func ask(s *Server, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/transmission/rpc", strings.NewReader(body))
	r.Header.Set(headerID, s.ids.current(time.Now()))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// TestLongList holds the two limits, at ten times of what they take here.
func TestLongList(t *testing.T) {
	s := NewServer(fakeengine.New(10_000), Options{})
	for body, limit := range map[string]time.Duration{fullList: 300 * time.Millisecond, recent: 10 * time.Millisecond} {
		best := time.Hour
		for range 5 {
			start := time.Now()
			w := ask(s, body)
			best = min(best, time.Since(start))
			if n := strings.Count(w.Body.String(), `"hashString"`); n != 10_000 && (body == fullList || n < 50 || n > 61) {
				t.Fatalf("%d torrents", n)
			}
		}
		if best > limit {
			t.Errorf("%v, want %v at most", best, limit)
		}
	}
}

// TestListInPages: all torrents are listed, each once and in order, without having them all in memory as entries.
func TestListInPages(t *testing.T) {
	for _, n := range []int{0, 1, pageSize - 1, pageSize, pageSize + 1, 3*pageSize + 7} {
		s := NewServer(fakeengine.New(n), Options{})
		var got struct {
			Arguments struct{ Torrents []struct{ ID int } }
		}
		if err := json.Unmarshal(ask(s, `{"method":"torrent-get","arguments":{"fields":["id"]}}`).Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Arguments.Torrents) != n {
			t.Errorf("%d of %d torrents", len(got.Arguments.Torrents), n)
		}
		for i, x := range got.Arguments.Torrents {
			if x.ID != i+1 {
				t.Fatalf("%d of %d has the number %d", i+1, n, x.ID)
			}
		}
	}
	e := &paged{Engine: fakeengine.New(20_000)}
	if w := ask(NewServer(e, Options{}), fullList); strings.Count(w.Body.String(), `"hashString"`) != 20_000 {
		t.Error("not all are listed")
	}
	if e.all > 1 || e.largest > pageSize {
		t.Errorf("all at once %d times, and a page of %d; the index reads them once, a page has %d", e.all, e.largest, pageSize)
	}
}

// paged notes how many entries it was asked for.
type paged struct {
	*fakeengine.Engine
	all, largest int
}

func (p *paged) Entries(ctx context.Context, since time.Time) ([]status.Entry, []int, error) {
	p.all++
	return p.Engine.Entries(ctx, since)
}

func (p *paged) Page(ctx context.Context, numbers []int, into []status.Entry) (int, error) {
	p.largest = max(p.largest, len(into))
	return p.Engine.Page(ctx, numbers, into)
}

func BenchmarkFullList(b *testing.B)       { benchmark(b, fullList, 10_000) }
func BenchmarkRecentlyActive(b *testing.B) { benchmark(b, recent, 10_000) }
func BenchmarkOneTorrent(b *testing.B) {
	benchmark(b, `{"method":"torrent-get","arguments":{"ids":[7],"fields":["id","name","files","peers","trackerStats"]}}`, 10_000)
}

func benchmark(b *testing.B, body string, torrents int) {
	e := fakeengine.New(torrents)
	now := time.Now()
	s := NewServer(e, Options{})
	s.now = func() time.Time { return now }
	b.ReportAllocs()
	for b.Loop() {
		if w := ask(s, body); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

func BenchmarkGzip(b *testing.B) {
	s := NewServer(fakeengine.New(10_000), Options{})
	answer := ask(s, fullList).Body.Bytes()
	b.SetBytes(int64(len(answer)))
	for b.Loop() {
		z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
		_, _ = z.Write(answer)
		_ = z.Close()
	}
}
