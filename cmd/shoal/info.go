package main

import (
	"context"
	"os"
	"path/filepath"
	"sync"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/session"
)

// inform finds out what the sources hold, of magnet links by asking peers, and calls use for each in turn.
func inform(ctx context.Context, con *console, o *getOptions, sources []string, use func(*job) error) error {
	timed, cancel := o.within(ctx)
	defer cancel()
	jobs := make([]*job, len(sources))
	var asked []*job
	for i, source := range sources {
		j := &job{source: source}
		jobs[i] = j
		j.torrent, j.magnet, j.err = resolve(timed, source, session.SystemNet{})
		if j.err = o.late(timed, j.err); j.err == nil && j.magnet != nil {
			asked = append(asked, j)
		}
	}
	if len(asked) > 0 {
		if err := askPeers(timed, con, o, asked); err != nil {
			return err
		}
	}
	for _, j := range jobs {
		if j.err == nil {
			j.err = use(j)
		}
		if j.err != nil {
			con.Error(j.source, j.err)
		}
	}
	return verdict(jobs)
}

// askPeers fetches the info dictionaries of magnet links.
func askPeers(ctx context.Context, con *console, o *getOptions, jobs []*job) error {
	e, err := open(con, &o.netFlags)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		j.warn(con)
		j.id, j.err = e.Add(ctx, session.Add{Magnet: j.magnet, MetadataOnly: true, Peers: o.peers, Limits: session.TorrentLimits{Up: int64(o.upEach), Down: int64(o.downEach)}})
		j.err = twice(j.err)
	}
	finish := watch(con, o.progress, e, true)
	waiting, enough := context.WithCancel(ctx)
	go e.explainSilence(waiting, con, jobs)
	var wait sync.WaitGroup
	for _, j := range jobs {
		if j.err == nil {
			wait.Go(func() {
				if _, j.err = e.await(ctx, con, j, o); j.err == nil {
					j.torrent, j.err = e.Torrent(j.id)
				}
			})
		}
	}
	wait.Wait()
	enough()
	finish()
	if err := e.Close(); err != nil {
		con.Warn("%v", err)
	}
	return nil
}

// warn tells what was left out of a magnet link.
func (j *job) warn(con *console) {
	for _, w := range j.magnet.Warnings {
		con.Warn("%s: %s", label(j.source), text.Clean(w, 0))
	}
}

// list prints the files of a torrent, below its name when there are several.
func (j *job) list(con *console, o *getOptions, several bool) (err error) {
	if j.chosen, err = o.choose(j.torrent, j.magnet); err != nil {
		return err
	}
	if several {
		con.Result("%s", text.Clean(j.torrent.Info.Name(), 0))
	}
	con.listFiles(j.torrent, j.chosen)
	return nil
}

// savedEvent is the JSON line of a .torrent file that was written.
type savedEvent struct {
	event
	ID   string `json:"id"`
	File string `json:"file"`
	Size int64  `json:"size"` // of the content
}

// keep writes the .torrent file of --metadata-only.
func (j *job) keep(con *console, o *getOptions) error {
	file := o.save
	if file == "" {
		if err := os.MkdirAll(o.output, 0o777); err != nil {
			return err
		}
		file = filepath.Join(o.output, metainfo.SafeName(j.torrent.Info.Name()+".torrent"))
	}
	if err := writeTorrent(con, file, j.torrent, o.overwrite); err != nil {
		return err
	}
	con.Result("%s  %s in %s", text.Clean(file, 0), text.Size(j.torrent.Info.Payload()), text.Count(len(j.torrent.Info.Files()), "file"))
	con.Event(savedEvent{newEvent("saved"), j.torrent.ID.String(), file, j.torrent.Info.Payload()})
	return nil
}
