package session

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// named returns a node that has a folder torrent, and what its files hold.
func named(t *testing.T, w *sim) (*node, []metainfo.File) {
	t.Helper()
	files := w.folder(64<<10, 300_000, 600_000, 500_000)
	n := w.node(quick)
	n.putFolder(files)
	n.start(Add{})
	if err := n.s.Wait(t.Context(), w.tor.ID); err != nil {
		t.Fatal(err)
	}
	return n, files
}

// paths returns the names of the torrent's files as they are told.
func (n *node) paths() (out []string) {
	n.w.t.Helper()
	files, err := n.s.Files(n.w.t.Context(), n.w.tor.ID)
	if err != nil {
		n.w.t.Fatal(err)
	}
	for _, f := range files {
		out = append(out, f.Path)
	}
	return out
}

// has reports whether the files with these names hold the torrent.
func (n *node) has(names []string) bool {
	rest := n.w.data
	for i, f := range n.w.tor.Info.Files() {
		if _, err := n.disk.Lstat(names[i]); err != nil || !bytes.Equal(get(n.w.t, n.disk, names[i]), rest[:f.Length]) {
			return false
		}
		rest = rest[f.Length:]
	}
	return true
}

// calm waits until the torrent serves.
func (n *node) calm() status.Torrent {
	n.w.t.Helper()
	for range 10_000 {
		if st := n.status(); st.Phase == status.Seeding || st.Phase == status.Failed || st.Phase == status.Leeching {
			return st
		}
		time.Sleep(time.Millisecond)
	}
	n.w.t.Fatalf("it does not come to rest: %+v", n.status())
	return status.Torrent{}
}

// TestRename: files and folders get other names on disk and in all that is told, for the next start too, and nothing is hashed again.
func TestRename(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		n, _ := named(t, w)
		ctx, id := t.Context(), w.tor.ID
		for _, step := range []struct {
			path, name string
			want       []string
		}{
			{"dir/sub/b.bin", "two.bin", []string{"dir/sub/a.bin", "dir/sub/two.bin", "dir/sub/c.bin"}},
			{"dir", "folder", []string{"folder/sub/a.bin", "folder/sub/two.bin", "folder/sub/c.bin"}},
			{"folder/sub", "deep", []string{"folder/deep/a.bin", "folder/deep/two.bin", "folder/deep/c.bin"}},
			{"folder/deep/two.bin", "b.bin", []string{"folder/deep/a.bin", "folder/deep/b.bin", "folder/deep/c.bin"}},
		} {
			if err := n.s.Rename(ctx, id, step.path, step.name); err != nil {
				t.Fatal(err)
			}
			if got := n.paths(); !equalStrings(got, step.want) || !n.has(step.want) {
				t.Errorf("%s is now %s: told %q", step.path, step.name, got)
			}
			if st := n.calm(); st.Phase != status.Seeding {
				t.Errorf("%+v", st)
			}
		}
		if st := n.status(); st.Name != "folder" {
			t.Errorf("the torrent is called %s", st.Name)
		}
		names, err := n.s.Names(id)
		if err != nil || len(names) != 3 {
			t.Error(names, err)
		}
		n.stop()
		n.start(Add{})
		if st := n.status(); st.PiecesHave != st.Pieces {
			t.Errorf("%d of %d pieces are known in the next run", st.PiecesHave, st.Pieces)
		}
		if got := n.paths(); got[1] != "folder/deep/b.bin" {
			t.Errorf("%q", got)
		}
		n.stop()
		for _, suffix := range []string{"", ".old"} { // the record is gone: what the caller kept counts
			_ = n.state.Remove(fileName(id, "/mem") + recordSuffix + suffix)
		}
		n.start(Add{Names: names})
		if st := n.calm(); st.Phase != status.Seeding || !equalStrings(n.paths(), []string{"folder/deep/a.bin", "folder/deep/b.bin", "folder/deep/c.bin"}) {
			t.Errorf("%+v %q", st, n.paths())
		}
	})
}

func equalStrings(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestRenameRefused: what cannot be a name, is taken or is not there changes nothing.
func TestRenameRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		n, _ := named(t, w)
		put(t, n.disk, "dir/sub/theirs", []byte("x"))
		want := n.paths()
		for _, tt := range []struct {
			path, name string
			want       error
		}{
			{"dir/sub/a.bin", "../a.bin", metainfo.ErrInvalid},
			{"dir/sub/a.bin", "..", metainfo.ErrInvalid},
			{"dir/sub/a.bin", "", metainfo.ErrInvalid},
			{"dir/sub/a.bin", "x/y", metainfo.ErrInvalid},
			{"dir/sub/a.bin", "con", metainfo.ErrInvalid},
			{"dir/sub/a.bin", "B.BIN", metainfo.ErrInvalid},
			{"dir", "." + w.tor.ID.String() + ".parts", metainfo.ErrInvalid},
			{"dir/sub/a.bin", "theirs", fs.ErrExist},
			{"dir/sub/z.bin", "y.bin", status.ErrNoFile},
			{"dir/su", "sub2", status.ErrNoFile},
			{"", "x", status.ErrNoFile},
		} {
			if err := n.s.Rename(t.Context(), w.tor.ID, tt.path, tt.name); !errors.Is(err, tt.want) {
				t.Errorf("%q -> %q: %v", tt.path, tt.name, err)
			} else if errors.Is(err, metainfo.ErrInvalid) && !strings.HasPrefix(err.Error(), fmt.Sprintf("%q cannot be the new name: ", tt.name)) {
				t.Errorf("%q -> %q: it speaks of the torrent: %v", tt.path, tt.name, err)
			}
			n.calm()
		}
		if got := n.paths(); !equalStrings(got, want) || !n.has(want) || n.calm().Phase != status.Seeding {
			t.Errorf("%q, %+v", got, n.status())
		}
	})
}

// TestRenameKill: killed in any call, or failing there, a rename is done or not, and costs no download.
func TestRenameKill(t *testing.T) {
	for _, kill := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 2<<20, 64<<10)
			defer w.close()
			n, _ := named(t, w)
			name, other, kills := "dir", "folder", 0
			for calls := 1; ; calls++ {
				n.stop()
				if kill {
					n.life = newLife(calls)
				}
				err := n.try(Add{})
				if !kill {
					n.calm()
					n.state.FailAt(calls, syscall.EIO)
					if calls%2 == 0 {
						n.state.FailAt(0, nil)
						n.disk.FailAt(calls/2, syscall.EIO)
					}
				}
				if err == nil {
					n.calm()
					err = n.s.Rename(t.Context(), w.tor.ID, name, other)
				}
				dead := kill && n.life.dead() != nil
				n.disk.FailAt(0, nil) // a sync that fails, as the stop's may, does cost a download: see TestS03SyncError
				n.stop()
				n.life = nil
				n.state.FailAt(0, nil)
				n.start(Add{})
				st := n.calm()
				if got := n.paths(); st.Phase != status.Seeding || !n.has(got) {
					t.Fatalf("kill %t, dead %t, %d calls, %v: %q, %+v", kill, dead, calls, err, got, st)
				}
				if is := n.paths()[0]; is[:len(other)] == other {
					name, other = other, name
				} else if err == nil && !dead {
					t.Fatalf("%d calls: it was renamed, and is called %s", calls, is)
				}
				if dead {
					kills++
				} else if kill || calls > 40 {
					break
				}
			}
			if kill && kills < 10 {
				t.Errorf("only %d kills", kills)
			}
		})
	}
}
