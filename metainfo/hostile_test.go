package metainfo

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"shoal/internal/cputime"
)

// filesOf is a torrent of empty files, whose entries are written by add.
func filesOf(add func(b *bytes.Buffer)) []byte {
	var b bytes.Buffer
	b.WriteString("d4:infod5:filesl")
	add(&b)
	b.WriteString("e4:name3:dir12:piece lengthi16384e6:pieces0:ee")
	return b.Bytes()
}

// A folder costs its whole path, so that a file of a few megabytes could take
// gigabytes while its names are mapped; the budget holds for folders too.
func TestM16FoldersBudget(t *testing.T) {
	const files, depth = 8_000, 98
	raw := filesOf(func(b *bytes.Buffer) {
		for i := range files {
			b.WriteString("d6:lengthi0e4:pathl")
			for range depth {
				fmt.Fprintf(b, "5:%05d", i)
			}
			b.WriteString("1:fee")
		}
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	refused(t, raw, "the names of the files take more than 256 MiB")
	runtime.ReadMemStats(&after)
	if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 600 {
		t.Errorf("%d MiB were allocated for a torrent of %d MiB", grown, len(raw)>>20)
	}
}

// Long names that differ in their last characters only are numbered apart within
// the same few names; the search for a free number must not grow with every file.
func TestM13ManyCollisions(t *testing.T) {
	names := 20_000 // without the bound these take minutes
	if raceEnabled {
		names = 3_000
	}
	raw := filesOf(func(b *bytes.Buffer) {
		stem := strings.Repeat("x", 249)
		for i := range names {
			for range 2 {
				fmt.Fprintf(b, "d6:lengthi0e4:pathl255:%s%06dee", stem, i)
			}
		}
	})
	start := cputime.Spent()
	tor := parses(t, raw)
	took := cputime.Spent() - start
	t.Logf("%d files in %v", len(tor.Info.Files()), took)
	if took > 20*time.Second {
		t.Errorf("%d files took %v", len(tor.Info.Files()), took)
	}
	seen := map[string]bool{}
	for _, f := range tor.Info.Files() {
		if elem := f.Path[len("dir/"):]; seen[elem] || len(elem) > maxElement {
			t.Fatalf("%q comes twice or is too long", elem)
		} else {
			seen[elem] = true
		}
	}
}

// A daemon holds tens of thousands of torrents: what an Info takes beside the bytes of its
// file is little, and nothing that grows with the number of pieces.
func TestInfoIsCheap(t *testing.T) {
	const torrents, pieces = 500, 2000
	info := with(single(), "length", pieces*16384, "pieces", strings.Repeat("h", 20*pieces))
	raw := torrent(info)
	kept := make([]*Torrent, torrents)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range kept {
		kept[i] = parses(t, bytes.Clone(raw))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	extra := (int64(after.HeapAlloc)-int64(before.HeapAlloc))/torrents - int64(len(raw))
	t.Logf("%d bytes beside %d", extra, len(raw))
	if extra > 4<<10 {
		t.Errorf("a torrent of %d bytes takes %d more", len(raw), extra)
	}
	runtime.KeepAlive(kept)
}

// M16 holds for names that are not ASCII, too.
func TestM16ManyForeignNames(t *testing.T) {
	files := 500_000
	if raceEnabled {
		files = 20_000
	}
	raw := filesOf(func(b *bytes.Buffer) {
		for i := range files {
			s := fmt.Sprintf("файл номер %d.txt", i)
			fmt.Fprintf(b, "d6:lengthi0e4:pathl%d:%see", len(s), s)
		}
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := cputime.Spent()
	_, err := Parse(raw)
	took := cputime.Spent() - start
	runtime.ReadMemStats(&after)
	allocs := (after.Mallocs - before.Mallocs) / uint64(files)
	t.Logf("%d files in %v, %d allocations each", files, took, allocs)
	if err != nil || took > 10*time.Second || allocs > 12 {
		t.Errorf("took %v and %d allocations a file: %v", took, allocs, err)
	}
}
