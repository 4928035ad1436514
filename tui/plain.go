package tui

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/status"
)

// Plain writes a line when a torrent starts, every tenth of it or every minute,
// and when it is done: progress for logs, cron and screen readers. Of torrents that failed or were
// given up it says nothing: the command does, with the reason.
type Plain struct {
	backend status.Backend
	out     io.Writer
	ends    bool
	said    map[metainfo.ID]said
}

// said is what the last line about a torrent told.
type said struct {
	phase status.Phase
	tenth int
	sent  int64
	at    time.Time
}

const (
	plainEvery = time.Minute
	plainName  = 60 // cells
)

// NewPlain returns a Plain that writes to out. With ends a torrent that has everything is
// done, and not a seed.
func NewPlain(b status.Backend, out io.Writer, ends bool) *Plain {
	return &Plain{backend: b, out: out, ends: ends, said: map[metainfo.ID]said{}}
}

// Run writes until ctx ends, and then about what is at rest: how far the others came is told by whoever ended that.
func (p *Plain) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := p.look(false); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return p.look(true)
		case <-tick.C:
		}
	}
}

func (p *Plain) look(last bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	ts, err := p.backend.Torrents(ctx)
	if err != nil {
		return nil // an engine on its way out has nothing more to say
	}
	for i := range ts {
		if last && !atRest(&ts[i]) {
			continue
		}
		if s, ok := p.step(time.Now(), &ts[i]); ok {
			if _, err := io.WriteString(p.out, s+"\n"); err != nil {
				return fmt.Errorf("writing progress: %w", err)
			}
		}
	}
	return nil
}

// step returns the line to write about t at the moment now, if there is one.
func (p *Plain) step(now time.Time, t *status.Torrent) (string, bool) {
	if t.Phase == status.Failed || givenUp(t, p.ends) {
		return "", false
	}
	last, known := p.said[t.ID]
	next := said{phase: t.Phase, tenth: int(Share(t) * 10), sent: t.UpTotal, at: now}
	due := now.Sub(last.at) >= plainEvery && (t.Phase != status.Seeding || t.UpTotal != last.sent)
	if known && next.phase == last.phase && next.tenth == last.tenth && !due {
		return "", false
	}
	p.said[t.ID] = next
	return Words(t, p.ends), true
}

// Words says everything about t in one clean line; with ends a torrent that has everything that is wanted is
// done, and not a seed.
func Words(t *status.Torrent, ends bool) string {
	words := []string{t.Phase.String()}
	switch {
	case ends && atRest(t):
		words = []string{"done", text.Size(t.Wanted)}
	case t.Phase == status.Metadata:
		words = searching(t)
	case t.Phase == status.Failed:
		words = append(words, text.Clean(t.Err, 0))
	case t.Phase == status.Checking:
		words = append(words, fmt.Sprintf("%d%% of %s", int(Share(t)*100), text.Size(t.Size)))
	case t.Phase == status.Leeching, t.Phase == status.Partial:
		words = append(words, fmt.Sprintf("%d%% of %s", int(Share(t)*100), text.Size(t.Wanted)),
			text.Rate(t.Down)+" down", text.Rate(t.Up)+" up", text.Count(t.Peers, "peer"))
		if t.ETA >= 0 {
			words = append(words, text.Duration(t.ETA)+" left")
		}
		if s := why(t); s != "" {
			words = append(words, s)
		}
	case t.Phase == status.Seeding:
		words = append(words, text.Rate(t.Up)+" up", text.Count(t.Peers, "peer"), text.Size(t.UpTotal)+" sent", "ratio "+ratio(t))
	}
	return text.Clean(t.Name, plainName) + ": " + strings.Join(words, ", ")
}
