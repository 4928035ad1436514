package state

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"shoal/internal/bencode"
	"shoal/internal/fsys"
	"shoal/metainfo"
)

// TestS08MoveNote: what is noted of a move comes back, and damaged it says so at every byte.
func TestS08MoveNote(t *testing.T) {
	if err := bencode.CheckFields(moveWire{}); err != nil {
		t.Error(err)
	}
	dir, id := fsys.NewMem(), metainfo.ID{V1: metainfo.Hash{1, 2}}
	if m, err := LoadMove(dir, id); m != nil || err != nil {
		t.Error(m, err)
	}
	want := Move{ID: id, From: "/a", To: "/b", Done: true}
	if err := SaveMove(dir, &want); err != nil {
		t.Fatal(err)
	}
	m, err := LoadMove(dir, id)
	if err != nil || *m != want {
		t.Fatal(m, err)
	}
	name := id.String() + moveSuffix
	good, err := ReadFile(dir, name, maxMove)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 1
		put(t, dir, name, b)
		if m, err := LoadMove(dir, id); m != nil && err == nil || !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d: %v, %v", i, m, err)
		}
	}
	if err := errors.Join(RemoveMove(dir, id), RemoveMove(dir, id)); err != nil {
		t.Error(err)
	}
}

// TestFollow: what fits its entry is described anew, what does not fits no file any more.
func TestFollow(t *testing.T) {
	at := func(n int64) time.Time { return time.Unix(n, 0) }
	record := []File{
		{Exists: true, Closed: true, Size: 5, MTime: at(1), Inode: 1},
		{Exists: true, Closed: true, Size: 5, MTime: at(1), Inode: 2},
		{},
	}
	before := []File{record[0], {Exists: true, Size: 5, MTime: at(2), Inode: 2}, {}}
	after := []File{{Exists: true, Size: 5, MTime: at(1), CTime: at(9), Inode: 7}, {Exists: true, Size: 5, MTime: at(2), Inode: 8}, {}}
	got := Follow(record, before, after)
	for i, want := range []bool{true, false, true} {
		if got[i].same(after[i]) != want {
			t.Errorf("file %d: %+v", i, got[i])
		}
	}
	again := Follow(got, got, after)
	if again[1].same(after[1]) || !again[0].same(after[0]) {
		t.Errorf("%+v", again)
	}
}

func FuzzDecodeMove(f *testing.F) {
	dir := fsys.NewMem()
	if err := SaveMove(dir, &Move{ID: metainfo.ID{V1: metainfo.Hash{1}}, From: "/a", To: "/b"}); err != nil {
		f.Fatal(err)
	}
	b, err := ReadFile(dir, metainfo.ID{V1: metainfo.Hash{1}}.String()+moveSuffix, maxMove)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[len(magic)+4:])
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, in := range [][]byte{b, Seal(magic, b)} {
			if m, err := DecodeMove(in); err == nil == (m == nil) || err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatal(m, err)
			}
		}
	})
}
