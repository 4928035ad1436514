package rpc

import (
	"context"
	"fmt"
	"hash/maphash"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// events are what has changed, as server-sent events. While anybody listens one goroutine asks the engine once a second, and puts what
// differs into a ring that all listeners read from: who is too slow for it is told to begin anew. That goroutine alone owns seen.
type events struct {
	s *Server

	mu        sync.Mutex
	listeners int
	ring      []event
	bytes     int
	next      int64         // number of the next event
	fresh     chan struct{} // closed when there is more
	ready     chan struct{} // closed when the list was looked at: from then on no change goes unseen
	stop      context.CancelFunc
}

type event struct {
	number int64
	frame  []byte
}

// Bounds of events.
const (
	maxListeners = 16
	maxRing      = 4096    // events
	maxRingBytes = 4 << 20 // of their frames
	eventPeriod  = time.Second
	statsPeriod  = 5 * time.Second
	keepAlive    = 20 * time.Second
)

// eventFields are those that a changed event has, of them the ones that differ.
var eventFields = func() (list []column) {
	for _, name := range []string{"name", "status", "shoal_phase", "error_string", "percent_done", "metadata_percent_complete", "recheck_progress",
		"rate_download", "rate_upload", "left_until_done", "size_when_done", "uploaded_ever", "peers_connected", "queue_position", "download_dir",
		"labels", "is_finished", "is_stalled"} {
		list = append(list, column{torrentByName[fold(name)], append(appendString(nil, name), ':')})
	}
	return list
}()

func (x *events) init(s *Server) {
	x.s, x.fresh = s, make(chan struct{})
	// Numbers go on over restarts, so that a number from before is not taken for one of now.
	x.next = time.Now().UnixMilli()
}

// serve streams events until the caller goes away.
func (x *events) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		refuse(w, http.StatusMethodNotAllowed, "Events are read with GET.")
		return
	}
	from, resumed := lastEvent(r)
	at, ready, ok := x.join(from, resumed)
	if !ok {
		w.Header().Set("Retry-After", "10")
		refuse(w, http.StatusServiceUnavailable, "Too many listen already.")
		return
	}
	defer x.leave()
	select {
	case <-ready:
	case <-r.Context().Done():
		return
	case <-time.After(healthTime):
		refuse(w, http.StatusServiceUnavailable, "The engine does not answer.")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	if resumed && at != from {
		if !send(control, w, resetFrame(at-1)) {
			return
		}
	} else if !send(control, w, []byte(": shoal\n\n")) {
		return
	}
	idle := time.NewTimer(keepAlive)
	defer idle.Stop()
	for {
		list, next, missed, fresh := x.after(at)
		if missed && !send(control, w, resetFrame(next-1)) {
			return
		}
		for _, e := range list {
			if !send(control, w, e.frame) {
				return
			}
		}
		at = next
		if len(list) > 0 {
			continue
		}
		idle.Reset(keepAlive)
		select {
		case <-r.Context().Done():
			return
		case <-fresh:
		case <-idle.C:
			if !send(control, w, []byte(":\n\n")) {
				return
			}
		}
	}
}

func send(control *http.ResponseController, w http.ResponseWriter, frame []byte) bool {
	_ = control.SetWriteDeadline(time.Now().Add(pace))
	if _, err := w.Write(frame); err != nil {
		return false
	}
	return control.Flush() == nil
}

// lastEvent is the event after the last one that the caller has seen.
func lastEvent(r *http.Request) (int64, bool) {
	s := r.Header.Get("Last-Event-ID")
	if s == "" {
		s = r.URL.Query().Get("since")
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n + 1, err == nil && n >= 0 && n < 1<<62
}

// resetFrame tells a listener that events were missed: it asks for the list anew.
func resetFrame(number int64) []byte {
	return fmt.Appendf(nil, "id: %d\nevent: reset\ndata: {}\n\n", number)
}

// join adds a listener and returns the number of the event that it begins with, and what is closed when it may begin.
func (x *events) join(from int64, resumed bool) (at int64, ready <-chan struct{}, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.listeners == maxListeners {
		return 0, nil, false
	}
	if x.listeners++; x.listeners == 1 {
		ctx, cancel := context.WithCancel(context.Background())
		x.stop = cancel
		// What happened while nobody listened is not in the ring.
		x.ring, x.bytes, x.next = nil, 0, x.next+1
		x.ready = make(chan struct{})
		go x.watch(ctx, x.ready)
	}
	oldest := x.next
	if len(x.ring) > 0 {
		oldest = x.ring[0].number
	}
	if resumed && from >= oldest && from <= x.next {
		return from, x.ready, true
	}
	return x.next, x.ready, true
}

func (x *events) leave() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.listeners--; x.listeners == 0 {
		x.stop()
	}
}

// after returns the events from number at on, the number after them, whether some were missed, and what is closed when there are more.
func (x *events) after(at int64) (list []event, next int64, missed bool, fresh <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	oldest := x.next
	if len(x.ring) > 0 {
		oldest = x.ring[0].number
	}
	if at < oldest {
		return nil, x.next, true, x.fresh
	}
	return append(list, x.ring[at-oldest:]...), x.next, false, x.fresh
}

// put adds an event to the ring, unless ctx of the goroutine that saw it has ended: another one may look already.
func (x *events) put(ctx context.Context, kind string, data []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	frame := fmt.Appendf(nil, "id: %d\nevent: %s\ndata: %s\n\n", x.next, kind, data)
	x.ring = append(x.ring, event{x.next, frame})
	x.bytes += len(frame)
	x.next++
	for len(x.ring) > maxRing || x.bytes > maxRingBytes {
		x.bytes -= len(x.ring[0].frame)
		x.ring[0] = event{}
		x.ring = x.ring[1:]
	}
}

// tell wakes the listeners.
func (x *events) tell() {
	x.mu.Lock()
	defer x.mu.Unlock()
	close(x.fresh)
	x.fresh = make(chan struct{})
}

// watch asks the engine what has changed until ctx ends. It closes ready when it has the list.
func (x *events) watch(ctx context.Context, ready chan<- struct{}) {
	w := watcher{x: x, seed: maphash.MakeSeed(), seen: map[int][]uint64{}, ready: ready}
	ticker := time.NewTicker(eventPeriod)
	defer ticker.Stop()
	w.look(ctx)
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			changed := w.look(ctx)
			if now.Sub(last) >= statsPeriod {
				last = now
				changed = w.stats(ctx) || changed
			}
			if changed && ctx.Err() == nil {
				x.tell()
			}
		}
	}
}

// watcher knows what was last said of each torrent: a hash of each of eventFields.
type watcher struct {
	x     *events
	seed  maphash.Seed
	since time.Time
	seen  map[int][]uint64
	ready chan<- struct{} // nil when the list was read once
	b     []byte
}

// look puts what is new into the ring; silently the first time.
func (w *watcher) look(ctx context.Context) (changed bool) {
	since := w.since
	if !since.IsZero() {
		since = since.Add(-overlap)
	}
	list, gone, err := w.x.s.engine.Entries(ctx, since)
	if err != nil {
		return false
	}
	silent := w.ready != nil
	for _, n := range gone {
		if _, ok := w.seen[n]; ok {
			delete(w.seen, n)
			w.x.put(ctx, "removed", append(appendInt([]byte(`{"id":`), n), '}'))
			changed = true
		}
	}
	v := view{now: w.x.s.now()}
	for i := range list {
		v.e = &list[i]
		if v.e.Changed.After(w.since) {
			w.since = v.e.Changed
		}
		if w.torrent(ctx, &v, silent) {
			changed = true
		}
	}
	if silent {
		close(w.ready)
		w.ready = nil
	}
	return changed
}

// torrent compares one torrent with what was last said of it.
func (w *watcher) torrent(ctx context.Context, v *view, silent bool) bool {
	old, known := w.seen[v.e.Number]
	if !known {
		old = make([]uint64, len(eventFields))
		w.seen[v.e.Number] = old
	}
	b := appendInt(append(w.b[:0], `{"id":`...), v.e.Number)
	b = append(appendHash(append(b, `,"hash_string":"`...), v.e.ID), '"')
	differs := !known
	for i := range eventFields {
		mark := len(b)
		b = append(append(b, ','), eventFields[i].prefix...)
		from := len(b)
		b = eventFields[i].write(b, v)
		h := maphash.Bytes(w.seed, b[from:])
		if known && h == old[i] {
			b = b[:mark]
			continue
		}
		old[i], differs = h, true
	}
	w.b = append(b, '}')
	if !differs || silent {
		return false
	}
	kind := "changed"
	if !known {
		kind = "added"
	}
	w.x.put(ctx, kind, w.b)
	return true
}

// stats puts the figures into the ring.
func (w *watcher) stats(ctx context.Context) bool {
	s, err := w.x.s.engine.Stats(ctx)
	if err != nil {
		return false
	}
	f := figures{stats: s}
	if f.totals, err = w.x.s.engine.Totals(ctx); err != nil {
		return false
	}
	w.x.put(ctx, "stats", appendObject(nil, statFields, &f, false))
	return true
}
