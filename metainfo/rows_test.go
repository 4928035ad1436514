package metainfo

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"shoal/internal/bencode"
	"shoal/internal/cputime"
)

type dict = map[string]any

// encode is the tests' own way to write any value, valid or not: a raw value stands as it is.
func encode(v any) string {
	switch v := v.(type) {
	case int:
		return fmt.Sprintf("i%de", v)
	case string:
		return fmt.Sprintf("%d:%s", len(v), v)
	case bencode.RawMessage:
		return string(v)
	case []any:
		var b strings.Builder
		for _, e := range v {
			b.WriteString(encode(e))
		}
		return "l" + b.String() + "e"
	case dict:
		b, err := bencode.Marshal(rawDict(v))
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	panic(fmt.Sprintf("%T", v))
}

func rawDict(d dict) map[string]bencode.RawMessage {
	out := map[string]bencode.RawMessage{}
	for k, v := range d {
		out[k] = bencode.RawMessage(encode(v))
	}
	return out
}

// with returns a copy of d with the pairs set; a nil value removes the key.
func with(d dict, pairs ...any) dict {
	out := dict{}
	for k, v := range d {
		out[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(out, pairs[i].(string))
		} else {
			out[pairs[i].(string)] = pairs[i+1]
		}
	}
	return out
}

var hash20 = strings.Repeat("h", 20)

func single() dict {
	return dict{"name": "file", "piece length": 16384, "length": 5, "pieces": hash20}
}

func file(length int, path ...any) dict { return dict{"length": length, "path": path} }

func multi(files ...any) dict {
	return dict{"name": "dir", "piece length": 16384, "files": files, "pieces": hash20}
}

func torrent(info any) []byte { return []byte(encode(dict{"info": info})) }

func parses(t *testing.T, b []byte) *Torrent {
	t.Helper()
	tor, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	checkSafe(t, tor)
	return tor
}

// refused asserts that b is refused with all the words.
func refused(t *testing.T, b []byte, words ...string) {
	t.Helper()
	tor, err := Parse(b)
	if err == nil || tor != nil || !errors.Is(err, ErrInvalid) {
		t.Errorf("%.60q: %v, want it refused with %q", b, err, words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%.60q: %q does not say %q", b, err, w)
		}
	}
}

func warned(t *testing.T, tor *Torrent, words ...string) {
	t.Helper()
	all := strings.Join(tor.Warnings, "\n")
	for _, w := range words {
		if !strings.Contains(all, w) {
			t.Errorf("warnings %q do not say %q", all, w)
		}
	}
}

func paths(tor *Torrent) string {
	var out []string
	for _, f := range tor.Info.Files() {
		out = append(out, f.Path)
	}
	return strings.Join(out, " ")
}

// M01: endless nesting is refused at depth 101, in under 10 ms and 1 MiB.
func TestM01DepthLimit(t *testing.T) {
	for _, in := range [][]byte{
		[]byte("d1:x" + strings.Repeat("l", 1_500_000)),
		bytes.Repeat([]byte("d0:"), 500_000),
		[]byte("d4:info" + strings.Repeat("d1:a", 400_000)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		refused(t, in, "more than 100 levels")
		runtime.ReadMemStats(&after)
		if extra := after.TotalAlloc - before.TotalAlloc; extra > 1<<20 {
			t.Errorf("allocated %d bytes", extra)
		}
		best := time.Hour // of a few, because others may hold the processor
		for range 10 {
			start := time.Now()
			refused(t, in, "more than 100 levels")
			best = min(best, time.Since(start))
		}
		if best > 10*time.Millisecond {
			t.Errorf("took %v", best)
		}
	}
	// One level less than the limit is fine.
	deep := strings.Repeat("l", 99) + strings.Repeat("e", 99)
	parses(t, []byte(encode(dict{"info": single(), "x": bencode.RawMessage(deep)})))
}

// M02: a claimed length is refused before anything is allocated for it.
func TestM02ClaimedLength(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	refused(t, []byte("d2147483647:x"), "bytes in a string")
	refused(t, []byte("d4:info2147483647:x"), "bytes in a string")
	refused(t, []byte("d4:info99999999:x"), "ends too early")
	runtime.ReadMemStats(&after)
	if extra := after.TotalAlloc - before.TotalAlloc; extra > 1<<20 {
		t.Errorf("allocated %d bytes", extra)
	}
}

// M03: only the shortest form of a number is one; a huge one is no harm where nobody reads it.
func TestM03Integers(t *testing.T) {
	for bad, words := range map[string]string{
		"i-0e": "shortest form", "i007e": "shortest form", "i+1e": "in an integer", "ie": "no digits", "03:abc": "begins with 0",
	} {
		refused(t, []byte("d4:info"+encode(single())+"1:x"+bad+"e"), words)
	}
	big := bencode.RawMessage("i" + strings.Repeat("9", 30) + "e")
	tor := parses(t, torrent(with(single(), "x-unknown", big)))
	if !strings.Contains(string(tor.InfoBytes), string(big)) {
		t.Error("the integer was not kept raw")
	}
	refused(t, torrent(with(single(), "length", big)), "length 999999999999999999999999999999")
	refused(t, torrent(with(single(), "piece length", big)), "piece length", "128 MiB")
}

// M04: repeated keys are refused by name; the key "-" sets nothing.
func TestM04Duplicates(t *testing.T) {
	info := encode(single())
	refused(t, []byte("d4:info"+info+"4:info"+info+"e"), `"info" comes twice`)
	refused(t, []byte("d4:infod6:lengthi5e4:name1:a6:lengthi6eee"), `"length" comes twice`)
	a := parses(t, torrent(single()))
	b := parses(t, []byte("d1:-4:evil4:info"+info+"e"))
	b.InfoBytes = a.InfoBytes
	sameOuter(t, "dash", a, b)
}

// M05: keys in any order; the hash is over the bytes as they are.
func TestM05Unsorted(t *testing.T) {
	info := "d6:pieces20:" + hash20 + "4:name4:file12:piece lengthi16384e6:lengthi5ee"
	tor := parses(t, []byte("d4:info"+info+"8:announce20:http://t.example/anne"))
	if tor.ID.V1 != sha1.Sum([]byte(info)) || string(tor.InfoBytes) != info {
		t.Errorf("hash %v", tor.ID)
	}
	// Known: the info hash that libtorrent gives to its own unsorted torrent.
	tor = parses(t, readCorpus(t, "unordered.torrent"))
	if got := tor.ID.String(); got != "1e44709a0ec082a6a5ea4837e450ae08d3f4394e" {
		t.Errorf("info hash %s", got)
	}
}

// M06: up to 4 KiB after the end are ignored with a warning.
func TestM06TrailingBytes(t *testing.T) {
	b := torrent(single())
	for _, n := range []int{1, 4096} {
		tor := parses(t, append(bytes.Clone(b), make([]byte, n)...))
		warned(t, tor, fmt.Sprintf("%d bytes after the end", n))
	}
	refused(t, append(bytes.Clone(b), make([]byte, 4097)...), "4097 bytes after the end", "at most 4096")
	if _, _, err := ParseInfo([]byte(encode(single()) + "x")); !errors.Is(err, ErrInvalid) {
		t.Errorf("metadata from peers is exact: %v", err)
	}
}

// M07: piece lengths. The minimum of 1 KiB is ours: BEP 3 has none, but no
// program makes such torrents, and 3 bytes would cost 20 bytes of hash each.
func TestM07PieceLength(t *testing.T) {
	for _, n := range []int{0, -1, 3, 1023, 1<<32 + 16384, 1 << 40, 128<<20 + 1} {
		refused(t, torrent(with(single(), "piece length", n)), fmt.Sprintf("piece length %d is not", n), "128 MiB")
	}
	for _, n := range []int{1024, 16384, 16385, 1 << 20, 128 << 20} {
		if got := parses(t, torrent(with(single(), "piece length", n))).Info.PieceLength(); got != int64(n) {
			t.Errorf("piece length %d", got)
		}
	}
	refused(t, torrent(with(single(), "piece length", "16384")), "piece length")
	refused(t, torrent(with(single(), "piece length", nil)), "no piece length")
}

// M08: pieces are 20 bytes each, as many as the length says, at most 2^21.
func TestM08Pieces(t *testing.T) {
	for _, n := range []int{0, 19, 21, 40} {
		refused(t, torrent(with(single(), "pieces", strings.Repeat("h", n))), "pieces")
	}
	refused(t, torrent(with(single(), "pieces", 7)), "pieces")
	many := func(n int) []byte {
		return torrent(with(single(), "piece length", 1024, "length", 1024*n, "pieces", strings.Repeat("h", 20*n)))
	}
	refused(t, many(3_000_000), "3000000 pieces", "at most 2097152")
	refused(t, many(MaxPieces+1), "2097153 pieces")
	if n := parses(t, many(MaxPieces)).Info.NumPieces(); n != 1<<21 {
		t.Errorf("%d pieces", n)
	}
}

// M09: lengths are not negative and their sum does not wrap.
func TestM09Lengths(t *testing.T) {
	refused(t, torrent(multi(file(-1, "a"))), "length of file 0 is negative")
	refused(t, torrent(with(single(), "length", -1)), "length -1")
	refused(t, torrent(multi(file(math.MaxInt64, "a"), file(math.MaxInt64, "b"))), "add up to more than 2^62")
	refused(t, torrent(multi(file(1<<61, "a"), file(1<<61, "b"), file(1<<61, "c"))), "add up to more than 2^62")
	refused(t, torrent(multi(dict{"path": []any{"a"}})), "length of file 0")
	refused(t, torrent(multi(dict{"length": "5", "path": []any{"a"}})), "length of file 0")
}

// M10: exactly one of length and files; a torrent of empty files is complete at once.
func TestM10LengthOrFiles(t *testing.T) {
	refused(t, torrent(with(multi(file(5, "a")), "length", 5)), "both length and files")
	refused(t, torrent(with(single(), "length", nil)), "neither length nor files")
	refused(t, torrent(multi()), "files is empty")
	for _, info := range []dict{
		with(single(), "length", 0, "pieces", ""),
		with(multi(file(0, "a"), file(0, "b")), "pieces", ""),
	} {
		in := parses(t, torrent(info)).Info
		have := NewBitfield(in.NumPieces())
		if in.NumPieces() != 0 || in.Size() != 0 || !have.All() {
			t.Errorf("%d pieces, %d bytes", in.NumPieces(), in.Size())
		}
	}
}

// M14: a symbolic link is named, never has content, and leaves the rest as it is.
func TestM14Symlinks(t *testing.T) {
	link := func(name string, target ...any) dict {
		return dict{"length": 0, "attr": "l", "path": []any{name}, "symlink path": target}
	}
	tor := parses(t, torrent(multi(
		link("out", "..", "..", "x"), link("cycle", "cycle"), link("absent", "nowhere"),
		with(link("long", "x"), "length", 1000), file(5, "rest"),
	)))
	files := tor.Info.Files()
	for _, f := range files[:4] {
		if !f.Symlink || f.Length != 0 {
			t.Errorf("%+v", f)
		}
		warned(t, tor, fmt.Sprintf("link %q is not made", f.Path))
	}
	if f := files[4]; f.Path != "dir/rest" || f.Length != 5 || f.Offset != 0 || f.Symlink {
		t.Errorf("%+v", f)
	}
	spans := tor.Info.AppendSpans(nil, 0, 5)
	if len(spans) != 1 || spans[0].File != 4 {
		t.Errorf("spans %+v", spans)
	}
}

// M16: paths 101 folders deep are refused, and more than 2^20 files.
func TestM16Limits(t *testing.T) {
	deep := func(n int) []any {
		path := make([]any, n)
		for i := range path {
			path[i] = "d"
		}
		return path
	}
	refused(t, torrent(multi(file(5, deep(101)...))), "100 folders deep", "at most 99")
	if got := paths(parses(t, torrent(multi(file(5, deep(100)...))))); got != "dir"+strings.Repeat("/d", 100) {
		t.Error(got)
	}
	more := strings.Repeat("d6:lengthi0e4:pathl1:aee", maxFiles+1) // refused before names are mapped
	refused(t, []byte("d4:infod5:filesl"+more+"e4:name3:dir12:piece lengthi16384e6:pieces0:ee"), "more than 1048576 files")
}

// M16: a million files load in under 3 s and 600 MiB.
func TestM16ManyFiles(t *testing.T) {
	files := 1_000_000
	if raceEnabled {
		files = 50_000 // the figures are those of the plain build
	}
	var b bytes.Buffer
	b.WriteString("d4:infod5:filesl")
	for i := range files {
		fmt.Fprintf(&b, "d6:lengthi0e4:pathl8:some dir7:sub %03d%s", i%1000, encode(fmt.Sprintf("file number %d.txt", i)))
		b.WriteString("ee")
	}
	b.WriteString("e4:name3:dir12:piece lengthi16384e6:pieces0:ee")
	// Others may take the caches and the better half of a core meanwhile: the best of a few runs counts.
	took, grown := time.Hour, uint64(0)
	for run := 0; run < 4 && took > 3*time.Second; run++ {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := cputime.Spent()
		tor, err := Parse(b.Bytes())
		took = cputime.Spent() - start
		runtime.ReadMemStats(&after)
		if err != nil || len(tor.Info.Files()) != files {
			t.Fatal(err)
		}
		grown = (after.TotalAlloc - before.TotalAlloc) >> 20 // no peak can be higher
		t.Logf("%d files of %d MiB in %v, %d MiB allocated", files, b.Len()>>20, took, grown)
	}
	if took > 3*time.Second || grown+uint64(b.Len()>>20) > 600 {
		t.Errorf("took %v and %d MiB", took, grown)
	}
}

// zeros is a reader of n zeros after a head.
func zeros(head string, n int64) io.Reader {
	return io.MultiReader(strings.NewReader(head), io.LimitReader(zeroReader{}, n))
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// M17: too large, compressed, or a web page: each has its own words.
func TestM17NotATorrent(t *testing.T) {
	_, err := Read(zeros("d", 101<<20), MaxTorrentFile)
	if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "more than 100 MiB, the limit for a torrent file") {
		t.Errorf("local: %v", err)
	}
	_, err = Read(zeros("d", 11<<20), MaxFetched)
	if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "more than 10 MiB, the limit for a torrent fetched by URL") {
		t.Errorf("fetched: %v", err)
	}
	refused(t, make([]byte, 101<<20), "more than 100 MiB")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(torrent(single()))
	z.Close()
	refused(t, packed.Bytes(), "gzip", "gunzip")
	refused(t, []byte("<!DOCTYPE html><html><title>Login</title>"), "web page", "login")
	refused(t, []byte("\xef\xbb\xbf\r\n <html>"), "web page")
	refused(t, []byte("PK\x03\x04"), "ZIP")
	refused(t, nil, "empty")
	refused(t, []byte(" \n"), "empty")
	refused(t, []byte("magnet:?xt=urn:btih:"), "magnet link")
	refused(t, []byte("{\"error\":1}"), "not a torrent")
	refused(t, []byte("de"), "no info dictionary")
	if _, err := Read(bytes.NewReader(torrent(single())), MaxFetched); err != nil {
		t.Error(err)
	}
}
