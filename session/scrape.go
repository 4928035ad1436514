package session

import (
	"context"
	"time"

	"shoal/metainfo"
	"shoal/tracker"
)

// When trackers are scraped: only while somebody looks at them or peers are wanted, and a
// torrent not more often than scrapeEvery. Of its trackers the first few that work are asked.
const (
	scrapeEvery = 15 * time.Minute
	mostScraped = 3
)

// scraped is what scrapes told of one torrent; announcer.mu guards it.
type scraped struct {
	looked bool      // somebody wants to know
	listed bool      // it is in announcer.curious
	last   time.Time // when trackers were asked; zero for never
	told   map[string]told
}

type told struct {
	at time.Time
	tracker.Counts
}

// counts returns the newer of what a tracker told by announce and by scrape.
func (s *scraped) counts(st *tracker.State) tracker.Counts {
	c := tracker.Counts{Complete: st.Complete, Incomplete: st.Incomplete, Downloaded: -1}
	if k, ok := s.told[st.URL]; ok && (st.Complete < 0 || k.at.After(st.Last)) {
		return k.Counts
	} else if ok {
		c.Downloaded = k.Downloaded
	}
	return c
}

// wonder notes that somebody wants to know about e. The caller holds mu.
func (a *announcer) wonder(e *announced) {
	if e.looked = true; !e.listed {
		e.listed, a.curious = true, append(a.curious, e)
	}
}

// scrapeRound starts the scrapes that are due, one request a tracker for all torrents. Who cannot be scraped yet is looked at again
// when somebody asks again or a tracker answers. The caller holds mu.
func (a *announcer) scrapeRound(ctx context.Context, now time.Time) {
	var urls []string
	var asked map[string][]*announced
	list := a.curious
	a.curious = nil
	for _, e := range list {
		e.listed = false
		if !e.last.IsZero() && now.Sub(e.last) < scrapeEvery || a.byKey[e.torrent] != e {
			continue
		}
		n := 0
		for _, s := range e.sched.States() {
			if !s.Working || n == mostScraped {
				continue
			}
			n++
			if asked == nil {
				asked = make(map[string][]*announced)
			}
			if asked[s.URL] == nil {
				urls = append(urls, s.URL)
			}
			asked[s.URL] = append(asked[s.URL], e)
		}
		if n > 0 { // else it is scraped once a tracker works
			e.looked, e.last = false, now
		}
	}
	for _, u := range urls {
		a.s.wg.Go(func() { a.scrape(ctx, u, asked[u]) })
	}
}

// scrape asks one tracker for the numbers of these torrents.
func (a *announcer) scrape(ctx context.Context, url string, list []*announced) {
	leave, err := a.enter(ctx, url)
	if err != nil {
		return
	}
	defer leave()
	ids := make([]metainfo.ID, len(list))
	for i, e := range list {
		ids[i] = e.id
	}
	all, err := a.current().Scrape(ctx, url, ids)
	if err != nil {
		a.s.log.Debug("scrape failed", "tracker", tracker.Mask(url), "err", err)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, e := range list {
		if i >= len(all) || all[i].Complete < 0 {
			continue
		}
		if e.told == nil {
			e.told = make(map[string]told)
		}
		e.told[url] = told{time.Now(), all[i]}
	}
}
