package library

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/status"
)

// crowd is a library of n complete torrents that nobody asks for.
func crowd(dir fsys.FS, n int) *Library {
	l := bare(dir)
	now := time.Now()
	for i := range n {
		k := kept{rank: noRank, dir: "/downloads", flags: known | complete | whole, added: now.UnixNano() + int64(i), finished: now.UnixNano(),
			name: fmt.Sprintf("torrent number %d of many", i), size: 1 << 30, wanted: 1 << 30, have: 1 << 30, pieces: 1024, piecesHave: 1024,
			pieceSize: 1 << 20, files: 3, up: int64(i), down: 1 << 30,
			trackers: [][]string{{"http://tracker.example/announce?key=0123456789abcdef"}, {"udp://other.example:1337"}}}
		binary.BigEndian.PutUint64(k.id.V1[:], uint64(i+1))
		k.setOptions(options{labels: []string{"label"}})
		l.list.add(now, &item{kept: k, phase: status.Seeding, place: live})
	}
	l.order(now)
	return l
}

// TestEntriesSince: what did not change costs nothing, however much there is of it.
func TestEntriesSince(t *testing.T) {
	ctx := context.Background()
	cost := func(n int) float64 {
		l := crowd(fsys.NewMem(), n)
		list, _, _ := l.Entries(ctx, time.Time{})
		stamp := list[len(list)-1].Changed
		for i := range list {
			if list[i].Number != i+1 || list[i].QueuePosition != i {
				t.Fatalf("%+v", list[i])
			}
		}
		l.touch(time.Now(), l.items[n/2])
		l.touch(time.Now(), l.items[n/3])
		return testing.AllocsPerRun(10, func() {
			list, gone, err := l.Entries(ctx, stamp)
			if len(list) != 2 || list[0].Number != n/3+1 || list[1].Number != n/2+1 || gone != nil || err != nil {
				t.Fatal(len(list), gone, err)
			}
		})
	}
	if few, many := cost(100), cost(10_000); many > few {
		t.Errorf("%v allocations among 100, %v among 10,000", few, many)
	}
}

// TestPage: pages have the torrents of some numbers, in that order, but for those that are gone.
func TestPage(t *testing.T) {
	ctx := context.Background()
	l := crowd(fsys.NewMem(), 100)
	before, _, err := l.Numbers(ctx, time.Time{})
	if err != nil || len(before) != 100 || before[99] != 100 {
		t.Fatal(before, err)
	}
	stamp := time.Unix(0, l.stamp)
	for _, i := range []int{99, 50, 30, 0} {
		l.list.remove(time.Now(), l.items[i])
	}
	l.order(time.Now()) // others have another place in the queue now
	later := time.Unix(0, l.stamp)
	l.touch(time.Now(), l.items[5])
	l.touch(time.Now(), l.items[3])
	if list, gone, err := l.Numbers(ctx, later); !slices.Equal(list, []int{5, 7}) || gone != nil || err != nil {
		t.Error(list, gone, err)
	}
	if _, gone, err := l.Numbers(ctx, stamp); !slices.Equal(gone, []int{1, 31, 51, 100}) || err != nil {
		t.Error(gone, err)
	}
	into := make([]status.Entry, 40)
	n, err := l.Page(ctx, before[25:], into)
	if err != nil || n != 40 || into[0].Number != 26 || into[4].Number != 30 || into[5].Number != 32 || into[39].Number != 67 {
		t.Errorf("%d entries from %d to %d, %v", n, into[0].Number, into[39].Number, err)
	}
	if n, err := l.Page(ctx, []int{1000, 1, 99, 2}, into); n != 2 || into[0].Number != 99 || into[1].Number != 2 || err != nil {
		t.Error(n, into[0].Number, err)
	}
}

// TestStamps: what changed is reported also when the clock was set back, and removals are remembered up to a bound.
func TestStamps(t *testing.T) {
	ctx := context.Background()
	l := crowd(fsys.NewMem(), 10)
	list, _, _ := l.Entries(ctx, time.Time{})
	stamp := list[9].Changed
	l.touch(time.Now().AddDate(-10, 0, 0), l.items[3])
	if list, _, _ := l.Entries(ctx, stamp); len(list) != 1 || list[0].Number != 4 || !list[0].Changed.After(stamp) {
		t.Errorf("%+v", list)
	}
	before := l.items[0].number
	l.list.remove(time.Now(), l.items[0])
	if _, gone, _ := l.Entries(ctx, stamp); len(gone) != 1 || gone[0] != before {
		t.Error(gone)
	}
	for range 2 * maxGone {
		it := &item{kept: kept{id: metainfo.ID{V1: metainfo.Hash{9, 9}}, rank: noRank}}
		l.list.add(time.Now(), it)
		l.list.remove(time.Now(), it)
	}
	if len(l.gone) > maxGone {
		t.Error(len(l.gone))
	}
}

// TestIndex: a start from the index gives the list that one from the entries gives; an index that does not fit the files counts for nothing.
func TestIndex(t *testing.T) {
	dir := fsys.NewMem()
	l := crowd(dir, 50)
	l.store.keep(l.items...)
	for _, it := range l.items {
		it.saved.torrent = []byte("x")
	}
	if !l.writeRound() {
		t.Fatal("not written")
	}
	load := func() (n int, fromIndex int) {
		t.Helper()
		l := bare(dir)
		l.cfg.State = dir
		found, err := listFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		all := l.loadIndex(found)
		fromIndex = len(all)
		for id, n := range found {
			x, _ := loadEntry(dir, id, n, nil)
			all = append(all, x)
		}
		l.fill(all)
		for _, it := range l.items {
			if it.name != fmt.Sprintf("torrent number %d of many", it.number-1) || it.dir != "/downloads" || it.position != it.number-1 {
				t.Errorf("%+v", it.kept)
			}
		}
		return len(l.items), fromIndex
	}
	l.cfg.State = dir
	l.saveIndex()
	if n, fromIndex := load(); n != 50 || fromIndex != 50 {
		t.Error(n, fromIndex)
	}
	if n, fromIndex := load(); n != 50 || fromIndex != 0 {
		t.Error("the index was used twice", n, fromIndex)
	}
	l.saveIndex()
	if err := dir.Remove(fileName(l.items[7].id, entrySuffix)); err != nil {
		t.Fatal(err)
	}
	found, _ := listFolder(dir)
	if all := l.loadIndex(found); len(all) != 49 || len(found) != 1 {
		t.Error(len(all), len(found))
	}
}

func BenchmarkEntries(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		l := crowd(fsys.NewMem(), n)
		b.Run(fmt.Sprintf("all/%d", n), func(b *testing.B) {
			for b.Loop() {
				l.Entries(context.Background(), time.Time{})
			}
		})
		b.Run(fmt.Sprintf("recent/%d", n), func(b *testing.B) {
			for b.Loop() {
				l.Entries(context.Background(), time.Now())
			}
		})
		b.Run(fmt.Sprintf("round/%d", n), func(b *testing.B) {
			l.ended = true
			for b.Loop() {
				l.round(time.Now())
			}
		})
	}
}

// BenchmarkMemory tells how many bytes one torrent of the list takes.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		l := crowd(fsys.NewMem(), 10_000)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/10_000, "bytes/torrent")
		runtime.KeepAlive(l)
	}
}

// BenchmarkLoad is a start from the index, and from the entries alone.
func BenchmarkLoad(b *testing.B) {
	dir := fsys.NewMem()
	l := crowd(dir, 10_000)
	l.cfg.State = dir
	for _, it := range l.items {
		it.saved.torrent = []byte("x")
	}
	l.store.keep(l.items...)
	l.writeRound()
	for _, index := range []bool{true, false} {
		b.Run(fmt.Sprintf("index=%v", index), func(b *testing.B) {
			for b.Loop() {
				if index {
					l.saveIndex()
				}
				n := bare(dir)
				n.cfg.State = dir
				if err := n.load(); err != nil || len(n.items) != 10_000 {
					b.Fatal(err, len(n.items))
				}
			}
		})
	}
}

// TestManyAsleep: thousands that are complete are announced and shown soon after the start, without a look at a file.
func TestManyAsleep(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		const many = 3000
		d := w.daemon()
		l := crowd(d.state, many)
		for _, it := range l.items {
			it.trackers, it.saved.torrent = nil, []byte("not a torrent")
		}
		l.cfg.State = d.state
		l.store.keep(l.items...)
		if !l.writeRound() {
			t.Fatal("not written")
		}
		d.start()
		time.Sleep(5 * time.Second)
		st, err := d.l.Stats(context.Background())
		if err != nil || st.Asleep != many {
			t.Errorf("%v %d", err, st.Asleep)
		}
		for _, e := range d.entries() {
			if e.Phase != status.Seeding {
				t.Fatalf("%+v", e)
			}
		}
		d.l.mu.Lock()
		defer d.l.mu.Unlock()
		for _, it := range d.l.items {
			if it.last != nil {
				t.Fatal("what is kept tells all of it, but more is held")
			}
		}
	})
}
