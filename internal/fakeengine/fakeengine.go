// Package fakeengine owns a status.Engine in memory, for tests of what steers an engine: it moves no byte and opens no file. Its
// methods may be called from any goroutine; its exported fields are set before the first of them.
package fakeengine

import (
	"context"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// Engine is a list of torrents that do nothing.
type Engine struct {
	// Now is the clock, time.Now unless it is set.
	Now func() time.Time
	// Fault, if set, is asked before every call by its name, and what it returns is what the call fails with.
	Fault func(verb string) error

	mu       sync.Mutex
	list     []status.Entry // by number
	numbers  int            // given out
	gone     map[int]time.Time
	removed  map[metainfo.ID]status.Entry
	last     time.Time // of the last change: no two are at one time
	files    map[metainfo.ID][]status.File
	settings status.Settings
	log      []status.LogLine
	calls    []string
	down     bool
}

// New returns an engine with n torrents, told apart by their numbers, which changed one second after the other, the last one now.
func New(n int) *Engine {
	e := &Engine{Now: time.Now, gone: map[int]time.Time{}, removed: map[metainfo.ID]status.Entry{}, files: map[metainfo.ID][]status.File{}}
	e.settings = status.Settings{Dir: "/data", Version: "0.1.0", ConfigDir: "/state", Kind: "shoal", Port: 6881, Encryption: "prefer",
		MaxPeers: 200, MaxPeersEach: 50, DHT: true, PEX: true, LSD: true, HookDone: []string{"/usr/bin/notify", "done"}}
	now := time.Now()
	e.last = now
	for i := range n {
		e.numbers++
		entry := Torrent(e.numbers)
		entry.QueuePosition, entry.Changed = i, now.Add(-time.Duration(n-1-i)*time.Second)
		e.list = append(e.list, entry)
	}
	return e
}

// Torrent returns the entry that New makes for a number.
func Torrent(number int) status.Entry {
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], uint64(number))
	e := status.Entry{Number: number, Files: 2, Labels: []string{"linux", "tests"}, Group: "default"}
	e.ID = metainfo.ID{V1: sha1.Sum(seed[:])}
	e.Name, e.Dir, e.Phase = fmt.Sprintf("torrent %d", number), "/data", status.Leeching
	e.Size, e.Wanted, e.Have = 3<<20, 3<<20, 1<<20
	e.Pieces, e.PiecesHave, e.PieceLength = 12, 4, 256<<10
	e.Down, e.Up, e.DownTotal, e.UpTotal = 250_000, 10_000, 1<<20, 1<<19
	e.Peers, e.Seeds, e.PeersSending, e.PeersReceiving = 9, 3, 2, 1
	e.ETA = 90 * time.Second
	e.Added, e.Started = time.Unix(1_700_000_000, 0), time.Unix(1_700_000_100, 0)
	e.Trackers = [][]string{{"http://tracker.example.com:80/announce"}, {"udp://other.example.org:1337"}}
	e.TorrentFile = "/state/torrents/" + e.ID.String() + ".torrent"
	return e
}

// Calls returns what changed something so far, each as a verb and its arguments.
func (e *Engine) Calls() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.calls)
}

// Down says whether Shutdown was called.
func (e *Engine) Down() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.down
}

// Edit changes an entry as the engine itself would: its rates, its phase.
func (e *Engine) Edit(id metainfo.ID, change func(*status.Entry)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := e.find(id); i >= 0 {
		change(&e.list[i])
		e.touch(i)
	}
}

// Say adds a line to the log.
func (e *Engine) Say(level, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log = append(e.log, status.LogLine{Serial: int64(len(e.log) + 1), Time: e.Now(), Level: level, Text: text})
}

func (e *Engine) find(id metainfo.ID) int {
	return slices.IndexFunc(e.list, func(x status.Entry) bool { return x.ID == id })
}

// tick returns the time of a change, later than that of all before.
func (e *Engine) tick() time.Time {
	now := e.Now()
	if !now.After(e.last) {
		now = e.last.Add(time.Millisecond)
	}
	e.last = now
	return now
}

func (e *Engine) touch(i int) { e.list[i].Changed = e.tick() }

func (e *Engine) fault(verb string) error {
	if e.Fault == nil {
		return nil
	}
	return e.Fault(verb)
}

// on runs do with a torrent's entry, which it may change.
func (e *Engine) on(verb string, id metainfo.ID, do func(*status.Entry) error) error {
	if err := e.fault(verb); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.find(id)
	if i < 0 {
		return status.ErrUnknown
	}
	if err := do(&e.list[i]); err != nil {
		return err
	}
	e.calls = append(e.calls, verb+" "+e.list[i].Name)
	e.touch(i)
	return nil
}

func (e *Engine) Entries(_ context.Context, since time.Time) (list []status.Entry, gone []int, err error) {
	if err := e.fault("entries"); err != nil {
		return nil, nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if since.IsZero() {
		return slices.Clone(e.list), nil, nil
	}
	for i := range e.list {
		if e.list[i].Changed.After(since) {
			list = append(list, e.list[i])
		}
	}
	return list, e.goneSince(since), nil
}

// goneSince are the numbers of what was removed after a moment, none for the zero time. Engine.mu is held.
func (e *Engine) goneSince(since time.Time) (gone []int) {
	for number, at := range e.gone {
		if !since.IsZero() && at.After(since) {
			gone = append(gone, number)
		}
	}
	slices.Sort(gone)
	return gone
}

// Numbers implements rpc.Engine.
func (e *Engine) Numbers(_ context.Context, since time.Time) (list, gone []int, err error) {
	if err := e.fault("entries"); err != nil {
		return nil, nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.list {
		if since.IsZero() || e.list[i].Changed.After(since) {
			list = append(list, e.list[i].Number)
		}
	}
	return list, e.goneSince(since), nil
}

// Page implements rpc.Engine.
func (e *Engine) Page(_ context.Context, numbers []int, into []status.Entry) (n int, err error) {
	if err := e.fault("entries"); err != nil {
		return 0, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, number := range numbers {
		i, ok := slices.BinarySearchFunc(e.list, number, func(x status.Entry, n int) int { return x.Number - n })
		if ok && n < len(into) {
			into[n] = e.list[i]
			n++
		}
	}
	return n, nil
}

func (e *Engine) Entry(_ context.Context, id metainfo.ID) (status.Entry, error) {
	if err := e.fault("entry"); err != nil {
		return status.Entry{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := e.find(id); i >= 0 {
		return e.list[i], nil
	}
	return status.Entry{}, status.ErrUnknown
}

func (e *Engine) Details(ctx context.Context, id metainfo.ID) (status.Details, error) {
	x, err := e.Entry(ctx, id)
	if err != nil {
		return status.Details{}, err
	}
	d := status.Details{Have: metainfo.NewBitfield(x.Pieces), Availability: make([]uint16, x.Pieces), WebSeeds: []string{"http://seed.example.com/data/"}}
	for i := range x.Pieces {
		if i < x.PiecesHave {
			d.Have.Set(i)
		} else {
			d.Availability[i] = 2
		}
	}
	return d, nil
}

func (e *Engine) Files(ctx context.Context, id metainfo.ID) ([]status.File, error) {
	x, err := e.Entry(ctx, id)
	if err != nil {
		return nil, err
	}
	if x.Pieces == 0 {
		return nil, status.ErrNoMetadata
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if files, ok := e.files[id]; ok {
		return slices.Clone(files), nil
	}
	return []status.File{
		{Path: x.Name + "/a.iso", Length: 2 << 20, Have: 1 << 20, Wanted: true, Priority: 2},
		{Path: x.Name + "/read me.txt", Offset: 2 << 20, Length: 1 << 20, Wanted: true, Priority: 2},
	}, nil
}

func (e *Engine) Peers(ctx context.Context, id metainfo.ID) ([]status.Peer, error) {
	if _, err := e.Entry(ctx, id); err != nil {
		return nil, err
	}
	return slices.Clone(Peers), nil
}

func (e *Engine) Trackers(ctx context.Context, id metainfo.ID) ([]status.Tracker, error) {
	x, err := e.Entry(ctx, id)
	if err != nil {
		return nil, err
	}
	var list []status.Tracker
	for tier, urls := range x.Trackers {
		for _, u := range urls {
			list = append(list, status.Tracker{URL: u, Tier: tier, Working: tier == 0, Last: x.Started, Next: x.Started.Add(30 * time.Minute), Complete: 7, Incomplete: 2,
				Peers: 50, Downloaded: 40})
		}
	}
	return list, nil
}

func (e *Engine) Add(_ context.Context, a status.NewTorrent) (status.Entry, bool, error) {
	if err := e.fault("add"); err != nil {
		return status.Entry{}, false, err
	}
	x, err := entryOf(a)
	if err != nil {
		return status.Entry{}, false, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if a.Dir == "" {
		a.Dir = e.settings.Dir
	}
	if !e.inside(a.Dir) {
		return status.Entry{}, false, fmt.Errorf("%s: %w", a.Dir, status.ErrOutside)
	}
	if i := e.find(x.ID); i >= 0 {
		return e.list[i], false, nil
	}
	e.numbers++
	x.Number, x.Dir, x.Stopped, x.QueuePosition = e.numbers, a.Dir, a.Stopped, len(e.list)
	if a.Stopped {
		x.Phase = status.Paused
	}
	x.Added = e.Now()
	change(&x, a.Change)
	e.list = append(e.list, x)
	e.touch(len(e.list) - 1)
	e.calls = append(e.calls, "add "+x.Name)
	return e.list[len(e.list)-1], true, nil
}

// entryOf is what becomes of a new torrent.
func entryOf(a status.NewTorrent) (x status.Entry, err error) {
	switch {
	case a.Metainfo != nil:
		t, err := metainfo.Parse(a.Metainfo)
		if err != nil {
			return x, err
		}
		x.ID, x.Name, x.Size, x.Pieces, x.PieceLength = t.ID, t.Info.Name(), t.Info.Size(), t.Info.NumPieces(), int(t.Info.PieceLength())
		x.Wanted, x.Files, x.Phase = x.Size, len(t.Info.Files()), status.Leeching
		return x, nil
	case metainfo.IsMagnet(a.Source):
		m, err := metainfo.ParseMagnet(a.Source)
		if err != nil {
			return x, err
		}
		x.ID, x.Name = m.ID, m.Name
	case strings.HasPrefix(a.Source, "http://"), strings.HasPrefix(a.Source, "https://"), a.Local:
		x.ID, x.Name = metainfo.ID{V1: sha1.Sum([]byte(a.Source))}, path.Base(a.Source)
	default:
		if x.ID, err = metainfo.ParseID(a.Source); err != nil {
			return x, err
		}
	}
	if x.Name == "" {
		x.Name = x.ID.String()
	}
	x.Phase = status.Metadata
	return x, nil
}

func (e *Engine) inside(dir string) bool {
	return len(e.settings.Roots) == 0 || slices.ContainsFunc(e.settings.Roots, func(root string) bool {
		return dir == root || strings.HasPrefix(dir, strings.TrimSuffix(root, "/")+"/")
	})
}
