package state

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"shoal/internal/bencode"
	"shoal/internal/fsys"
	"shoal/metainfo"
)

// sample returns a record with something in every field.
func sample(pieces, files int) *Record {
	r := &Record{
		Serial: 7, ID: metainfo.ID{V1: metainfo.Hash{1, 2, 3}}, Dir: "/some/where", BootID: "boot-1", Clean: true,
		Have: metainfo.NewBitfield(pieces), Synced: metainfo.NewBitfield(pieces), Doubt: metainfo.NewBitfield(pieces),
		DownTotal: 1 << 40, UpTotal: 5, Added: time.Unix(1_700_000_000, 5), Finished: time.Unix(1_700_000_100, 0),
	}
	for i := 0; i < pieces; i += 3 {
		r.Have.Set(i)
		if i%2 == 0 {
			r.Synced.Set(i)
		}
	}
	r.Doubt.Set(1)
	if files > 1 {
		r.Names, r.Renaming = map[int]string{1: "a/b", files - 1: "c"}, [2]string{"a/x", "a/b"}
	}
	for i := range files {
		r.Files = append(r.Files, File{
			Exists: true, Closed: i%2 == 0, Size: int64(i) * 1000, Inode: uint64(i) + 1<<63,
			MTime: time.Unix(1_600_000_000, int64(i)), CTime: time.Unix(1_600_000_001, 0),
		})
	}
	return r
}

func encode(t testing.TB, r *Record) []byte {
	t.Helper()
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, r := range []*Record{sample(100, 3), sample(1, 1), sample(0, 0), {}} {
		b := encode(t, r)
		got, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if again := encode(t, got); !bytes.Equal(again, b) {
			t.Errorf("record changed on its way\n%q\n%q", b, again)
		}
		if got.ID != r.ID || got.Have.Count() != r.Have.Count() || len(got.Files) != len(r.Files) || got.Clean != r.Clean || !got.Added.Equal(r.Added) {
			t.Errorf("got %+v, want %+v", got, r)
		}
		if !maps.Equal(got.Names, r.Names) || got.Renaming != r.Renaming {
			t.Errorf("names: got %v %q, want %v %q", got.Names, got.Renaming, r.Names, r.Renaming)
		}
		if len(r.Files) > 0 && !reflect.DeepEqual(got.Files, r.Files) {
			t.Errorf("files: got %v, want %v", got.Files, r.Files)
		}
	}
}

func TestWireStructRule(t *testing.T) {
	if err := bencode.CheckFields(recordWire{}); err != nil {
		t.Error(err)
	}
}

// put stores raw bytes under name.
func put(t *testing.T, dir fsys.FS, name string, b []byte) {
	t.Helper()
	if err := write(dir, name, b); err != nil {
		t.Fatal(err)
	}
}

// TestR03EveryByte: whatever byte of the record is flipped, wherever it is
// cut, the generation before is used, or there is none and everything is hashed; a record that
// claims other pieces never comes out.
func TestR03EveryByte(t *testing.T) {
	old, now := sample(50, 2), sample(50, 2)
	old.Serial, now.Serial = 1, 2
	good := encode(t, now)
	flips, cuts := 0, 0
	check := func(what string, at int, damaged []byte) {
		t.Helper()
		dir := fsys.NewMem()
		put(t, dir, "x", damaged)
		r, notes := Load(dir, "x", now.ID, 50, 2)
		if r != nil || len(notes) != 1 || !errors.Is(notes[0], ErrDamaged) {
			t.Fatalf("%s at %d: alone: record %v, notes %v", what, at, r, notes)
		}
		put(t, dir, "x"+oldSuffix, encode(t, old))
		r, notes = Load(dir, "x", now.ID, 50, 2)
		if r == nil || r.Serial != 1 || len(notes) != 1 {
			t.Fatalf("%s at %d: record %v, notes %v; want the generation before and one note", what, at, r, notes)
		}
	}
	for i := range good {
		for _, mask := range []byte{0x01, 0x80, 0xff} {
			b := bytes.Clone(good)
			b[i] ^= mask
			check("flip", i, b)
			flips++
		}
		check("cut", i, good[:i])
		check("zeros", i, append(bytes.Clone(good[:i]), make([]byte, len(good)-i)...))
		cuts += 2
	}
	t.Logf("%d flips, %d cuts and zero fills of a record of %d bytes: never a false claim, never a lost torrent", flips, cuts, len(good))
}

// TestR03Newer: a record of a newer version is not guessed at.
func TestR03Newer(t *testing.T) {
	old, now := sample(10, 1), sample(10, 1)
	old.Serial = 1
	b := encode(t, now)
	body := bytes.Replace(b[len(magic)+4:], []byte("7:versioni1e"), []byte("7:versioni2e"), 1)
	dir := fsys.NewMem()
	put(t, dir, "x", Seal(magic, body))
	put(t, dir, "x"+oldSuffix, encode(t, old))
	r, notes := Load(dir, "x", now.ID, 10, 1)
	if r == nil || r.Serial != 1 || len(notes) != 1 || !errors.Is(notes[0], ErrDamaged) {
		t.Fatalf("record %v, notes %v", r, notes)
	}
}

// TestR04WrongShape: a record with a right checksum that does not fit the torrent is not
// believed.
func TestR04WrongShape(t *testing.T) {
	for name, change := range map[string]func(*Record){
		"longer bitfield": func(r *Record) {
			r.Have, r.Synced, r.Doubt = metainfo.NewBitfield(90), metainfo.NewBitfield(90), metainfo.NewBitfield(90)
		},
		"another torrent": func(r *Record) { r.ID.V1[0]++ },
		"fewer files":     func(r *Record) { r.Files = r.Files[:1] },
	} {
		r := sample(50, 2)
		id := r.ID
		change(r)
		dir := fsys.NewMem()
		put(t, dir, "x", encode(t, r))
		if got, notes := Load(dir, "x", id, 50, 2); got != nil || len(notes) != 1 {
			t.Errorf("%s: record %v, notes %v", name, got, notes)
		}
	}
	// Bitfields of different lengths inside one record.
	r := sample(50, 2)
	r.Synced = metainfo.NewBitfield(90)
	if _, err := Decode(encode(t, r)); !errors.Is(err, ErrDamaged) {
		t.Errorf("bitfields that differ in length: %v", err)
	}
}

// TestR02SavePowerCut: a power cut after any call of a save leaves the record
// before or the new one, whatever part of the unsynced bytes and names survives.
func TestR02SavePowerCut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	base := fsys.NewMem()
	for serial := int64(1); serial <= 3; serial++ {
		r := sample(40, 2)
		r.Serial = serial
		if err := Save(base, "x", r); err != nil {
			t.Fatal(err)
		}
	}
	cuts := 0
	for n := 0; ; n++ {
		failed := false
		for range 20 {
			dir := base.Crash(rnd) // everything is durable: a copy
			dir.FailAt(n+1, errors.New("power cut"))
			r := sample(40, 2)
			r.Serial = 4
			err := Save(dir, "x", r)
			failed = failed || err != nil
			after := dir.Crash(rnd)
			got, _ := Load(after, "x", r.ID, 40, 2)
			cuts++
			if got == nil || got.Serial < 3 || err == nil && got.Serial != 4 {
				t.Fatalf("cut at call %d (save: %v): loaded %+v", n, err, got)
			}
		}
		if !failed {
			break
		}
	}
	t.Logf("%d power cuts: always the record before or the new one", cuts)
}

func TestRemove(t *testing.T) {
	dir := fsys.NewMem()
	for range 2 {
		if err := Save(dir, "x", sample(5, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Remove(dir, "x"); err != nil {
		t.Fatal(err)
	}
	if r, notes := Load(dir, "x", sample(5, 1).ID, 5, 1); r != nil || notes != nil {
		t.Fatalf("still there: %v %v", r, notes)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, sample(50, 2)))
	f.Add(encode(f, &Record{}))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, in := range [][]byte{b, Seal(magic, b)} { // as it is, and past the checksum
			r, err := Decode(in)
			if err != nil {
				if !errors.Is(err, ErrDamaged) {
					t.Fatalf("error %v does not wrap ErrDamaged", err)
				}
				continue
			}
			again, err := r.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if r2, err := Decode(again); err != nil || r2.Have.Count() != r.Have.Count() {
				t.Fatalf("decoded record does not survive a round: %v", err)
			}
		}
	})
}
