package state

import (
	"slices"
	"testing"
	"time"

	"shoal/metainfo"
)

// world is a torrent of two files and six pieces of 4 bytes; piece 2 lies in both.
//
//	a: 0 1 2      (10 bytes)
//	b:     2 3 4 5 (13 bytes)
func world(t *testing.T) (*metainfo.Info, *Record, []File) {
	t.Helper()
	info, err := metainfo.NewInfo("w", 4, make([]byte, 6*20), []metainfo.File{
		{Path: "w/a", Length: 10}, {Path: "w/b", Length: 13},
	}, true, false)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1000, 0)
	files := []File{{Exists: true, Size: 10, MTime: at, CTime: at, Inode: 1}, {Exists: true, Size: 13, MTime: at, CTime: at, Inode: 2}}
	r := sample(6, 0)
	r.BootID, r.Clean = "now", false
	r.Have, r.Synced, r.Doubt = set(0, 1, 2, 3), set(0, 1), set()
	r.Files = slices.Clone(files)
	return info, r, files
}

func set(pieces ...int) metainfo.Bitfield {
	f := metainfo.NewBitfield(6)
	for _, i := range pieces {
		f.Set(i)
	}
	return f
}

func list(f metainfo.Bitfield) (out []int) {
	for i := range f.Len() {
		if f.Has(i) {
			out = append(out, i)
		}
	}
	return out
}

func TestDecide(t *testing.T) {
	closed := func(r *Record) { r.Files[0].Closed, r.Files[1].Closed = true, true }
	later := time.Unix(2000, 0)
	tests := []struct {
		name         string
		change       func(r *Record, files []File)
		data         []int // pieces with data on disk
		boot         string
		trust, check []int
	}{
		{"killed: what is recorded is trusted, the rest is hashed", nil, []int{0, 1, 2, 3, 4}, "now", []int{0, 1, 2, 3}, []int{4}},
		{"another start of the machine: only synced pieces", nil, []int{0, 1, 2, 3, 4}, "next", []int{0, 1}, []int{2, 3, 4}},
		{"no boot id: only synced pieces", func(r *Record, _ []File) { r.BootID = "" }, []int{0, 1, 2, 3}, "", []int{0, 1}, []int{2, 3}},
		{"orderly end: nothing outside the record", func(r *Record, _ []File) { r.Clean = true; closed(r) },
			[]int{0, 1, 2, 3, 4, 5}, "now", []int{0, 1, 2, 3}, nil},
		{"orderly end, machine started again before all was synced", func(r *Record, _ []File) { r.Clean = true; closed(r) },
			[]int{0, 1, 2, 3, 4, 5}, "next", []int{0, 1}, []int{2, 3}},
		{"pieces that vanished are fetched, not hashed", nil, []int{0, 1}, "next", []int{0, 1}, nil},
		{"R04 closed file with another mtime", func(r *Record, f []File) { closed(r); f[0].MTime = later },
			[]int{0, 1, 2, 3}, "now", []int{3}, []int{0, 1, 2}},
		{"R04 closed file with another ctime", func(r *Record, f []File) { closed(r); f[1].CTime = later },
			[]int{0, 1, 2, 3}, "now", []int{0, 1}, []int{2, 3}},
		{"R04 closed file with another size", func(r *Record, f []File) { closed(r); f[1].Size = 14 },
			[]int{0, 1, 2, 3}, "now", []int{0, 1}, []int{2, 3}},
		{"open file with another mtime is ours", func(r *Record, f []File) { f[0].MTime = later },
			[]int{0, 1, 2, 3}, "now", []int{0, 1, 2, 3}, nil},
		{"R04 open file replaced by another", func(r *Record, f []File) { f[0].Inode = 9 },
			[]int{0, 1, 2, 3}, "now", []int{3}, []int{0, 1, 2}},
		{"R04 open file cut: no piece beyond its end is trusted", func(r *Record, f []File) { f[0].Size = 8 },
			[]int{0, 1, 3}, "now", []int{0, 1, 3}, nil},
		{"R04 file gone", func(r *Record, f []File) { f[0] = File{} }, []int{2, 3}, "now", []int{3}, []int{2}},
		{"R04 all ones by hand over short files", func(r *Record, f []File) {
			r.Have, r.Synced = set(0, 1, 2, 3, 4, 5), set(0, 1, 2, 3, 4, 5)
			f[0].Size, f[1].Size = 4, 0
		}, []int{0, 1}, "now", []int{0}, []int{1}},
		{"file made after the record was saved", func(r *Record, f []File) {
			r.Files[1] = File{}
			r.Have, r.Synced = set(0, 1), set(0, 1)
		}, []int{0, 1, 2, 4}, "now", []int{0, 1}, []int{2, 4}},
		{"S03 pieces in doubt are not read back from the cache", func(r *Record, _ []File) {
			r.Have, r.Doubt = set(0, 1), set(2, 3)
		}, []int{0, 1, 2, 3, 4}, "now", []int{0, 1}, []int{4}},
		{"S03 after a new start the disk tells the truth", func(r *Record, _ []File) {
			r.Have, r.Doubt = set(0, 1), set(2, 3)
		}, []int{0, 1, 2, 3, 4}, "next", []int{0, 1}, []int{2, 3, 4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			info, r, files := world(t)
			if tt.change != nil {
				tt.change(r, files)
			}
			d := Decide(r, tt.boot, info, files, func(i int) bool { return slices.Contains(tt.data, i) })
			if got := list(d.Trust); !slices.Equal(got, tt.trust) {
				t.Errorf("trust %v, want %v", got, tt.trust)
			}
			if got := list(d.Check); !slices.Equal(got, tt.check) {
				t.Errorf("check %v, want %v", got, tt.check)
			}
		})
	}
}

func TestDecideWithoutRecord(t *testing.T) {
	info, _, files := world(t)
	d := Decide(nil, "now", info, files, func(i int) bool { return i > 2 })
	if len(list(d.Trust)) != 0 || !slices.Equal(list(d.Check), []int{3, 4, 5}) {
		t.Fatalf("trust %v, check %v", list(d.Trust), list(d.Check))
	}
}
