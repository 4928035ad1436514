package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"shoal/session/hooks"
	"shoal/status"
)

// parseHook cuts the command into words and looks for its program, before anything is downloaded.
func parseHook(s string) ([]string, error) {
	words, err := splitWords(s)
	if err != nil {
		return nil, err
	}
	return hooks.Find(words)
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
	// Not in a group of its own: it may ask something at the terminal. Standard output has results only.
	cmd := hooks.Command{Argv: o.hook, Env: j.event(t).Env(), Line: func(s string) { con.line(con.stderr, s) }}
	if err := cmd.Run(ctx); err != nil {
		j.err = fmt.Errorf("the torrent is there, but --on-done failed: %w", err)
		con.Error(j.source, j.err)
	}
}

// event tells the command about the torrent. The name is the one on disk, which is safe.
func (j *job) event(t *status.Torrent) hooks.Torrent {
	files := 0
	for i, f := range j.torrent.Info.Files() {
		if !f.Pad && !f.Symlink && (j.chosen == nil || j.chosen[i]) {
			files++
		}
	}
	path := place(j.dir, j.torrent.Info)
	return hooks.Torrent{
		Event: hooks.Done, ID: j.id, Name: filepath.Base(path), Dir: j.dir, Path: path, Size: t.Wanted, Files: files,
		Downloaded: t.DownTotal - j.before, Took: time.Since(j.began), Trackers: j.torrent.Trackers, Source: j.source,
		Version: release, Time: time.Now(),
	}
}
