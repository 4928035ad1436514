package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"shoal/status"
)

// hookGrace is how long a command of the user has to end after an interrupt.
const hookGrace = 2 * time.Second

// parseHook cuts the command into words and looks for its program, before anything is downloaded.
func parseHook(s string) ([]string, error) {
	words, err := splitWords(s)
	if err != nil {
		return nil, err
	}
	if words[0], err = exec.LookPath(words[0]); err != nil {
		return nil, err
	}
	words[0], err = filepath.Abs(words[0])
	return words, err
}

// finished runs the user's command for a torrent that is complete. Unless it is to be served
// on, the torrent is put to rest first, so that the command may move the files.
func (e *engine) finished(ctx context.Context, con *console, j *job, t *status.Torrent, o *getOptions) {
	if o.hook == nil || ctx.Err() != nil {
		return
	}
	settle(ctx, con, e)
	if !o.keepSeeding {
		_ = e.Pause(ctx, j.id) // it fails where there is nothing to pause
	}
	cmd := exec.CommandContext(ctx, o.hook[0], o.hook[1:]...)
	cmd.Env = append(hookEnv(os.Environ()), j.variables(t)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = hookGrace
	said := &lineBreaker{con: con} // standard output has results only
	cmd.Stdout, cmd.Stderr = said, said
	err := cmd.Run()
	said.flush()
	if err != nil {
		j.err = fmt.Errorf("the torrent is there, but --on-done failed: %s: %w", o.hook[0], err)
		con.Error(j.source, j.err)
	}
}

// hookEnv is the environment without what would make a shoal started by the command run it again.
func hookEnv(env []string) []string {
	var kept []string
	for _, v := range env {
		if !strings.HasPrefix(v, "SHOAL_ON_DONE=") {
			kept = append(kept, v)
		}
	}
	return kept
}

// variables tell the command about the torrent. The name is the one on disk, which is safe.
func (j *job) variables(t *status.Torrent) []string {
	files := 0
	for i, f := range j.torrent.Info.Files() {
		if !f.Pad && !f.Symlink && (j.chosen == nil || j.chosen[i]) {
			files++
		}
	}
	path, got := place(j.dir, j.torrent.Info), strconv.FormatInt(t.DownTotal-j.before, 10)
	name, id := filepath.Base(path), j.id.String()
	var env []string
	for _, v := range []struct{ key, value string }{
		{"SHOAL_TORRENT_ID", id}, {"SHOAL_TORRENT_NAME", name}, {"SHOAL_TORRENT_DIR", j.dir}, {"SHOAL_TORRENT_PATH", path},
		{"SHOAL_TORRENT_SIZE", strconv.FormatInt(t.Wanted, 10)}, {"SHOAL_TORRENT_FILES", strconv.Itoa(files)},
		{"SHOAL_TORRENT_DOWNLOADED", got}, {"SHOAL_TORRENT_SECONDS", strconv.Itoa(int(time.Since(j.began).Seconds()))},
		{"SHOAL_TORRENT_SOURCE", j.source},
		{"TR_APP_VERSION", release}, {"TR_TORRENT_HASH", id}, {"TR_TORRENT_NAME", name}, {"TR_TORRENT_DIR", j.dir}, {"TR_TORRENT_BYTES_DOWNLOADED", got},
		{"TR_TIME_LOCALTIME", time.Now().Format(time.ANSIC)},
	} {
		env = append(env, v.key+"="+strings.ReplaceAll(v.value, "\x00", ""))
	}
	return env
}

// lineBreaker takes what the command says to the console, line by line; one goroutine writes.
type lineBreaker struct {
	con  *console
	rest []byte
}

func (l *lineBreaker) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, ok := strings.Cut(string(l.rest), "\n")
		if !ok {
			break
		}
		l.con.line(l.con.stderr, line)
		l.rest = []byte(rest)
	}
	if len(l.rest) > 64<<10 {
		l.flush()
	}
	return len(b), nil
}

func (l *lineBreaker) flush() {
	if len(l.rest) > 0 {
		l.con.line(l.con.stderr, string(l.rest))
	}
	l.rest = nil
}
