package swarm

import "shoal/piece"

// do carries out what the core decided and forgets it. It runs on the loop and blocks nowhere.
func (s *Swarm) do() {
	c := s.mind.shared()
	for i := range c.acts {
		a := &c.acts[i]
		switch a.kind {
		case acSend:
			if l := s.links[a.peer]; l != nil {
				l.Send(c.out[a.from:a.to]...)
			}
		case acUpload:
			if l := s.links[a.peer]; l != nil {
				l.Upload(a.block)
			}
		case acCancelUpload:
			if l := s.links[a.peer]; l != nil && l.CancelUpload(a.block) {
				s.inbox.post(event{kind: evUploadCancelled, peer: a.peer, block: a.block})
			}
		case acClose:
			if l := s.links[a.peer]; l != nil {
				delete(s.links, a.peer)
				l.Close(a.err)
			}
		case acJob:
			s.submit(a.job)
		case acDial:
			s.cfg.Host.Dial(a.addr)
		case acDemand:
			s.cfg.Host.Demand(a.up, a.n)
		case acNeedPeers:
			s.cfg.Host.NeedPeers()
		case acVerified:
			s.cfg.Host.Verified(int(a.n))
		case acCompleted:
			s.publish() // whoever is told must see it
			s.cfg.Host.Completed()
		case acFailed:
			s.cfg.Host.Failed(a.err) // first: who sees that it has failed asks the host why
			s.publish()
		case acBanned:
			s.cfg.Host.Banned(a.addr.Addr(), a.err.Error())
		case acExternal:
			s.cfg.Host.ExternalAddr(a.addr.Addr(), a.by)
		case acPublish:
			s.publish()
		case acCheckInfo:
			s.checkInfo(a.parts)
		case acMetadata:
			s.publish()
			s.cfg.Host.Metadata(a.torrent)
		case acNode:
			s.cfg.Host.DHTNode(a.addr)
		}
	}
	clear(c.acts) // no job, error or payload lives longer than its action
	clear(c.out)
	c.acts, c.out = c.acts[:0], c.out[:0]
}

func (s *Swarm) publish() { s.snap.Store(s.mind.snapshot()) }

// checkInfo hashes and parses on a goroutine of its own: 32 MiB would hold the loop up. There is one at a time, and
// Run waits for it as for a job of the disk.
func (s *Swarm) checkInfo(parts [][]byte) {
	s.jobs++
	id := s.cfg.ID
	go func() {
		t, err := checkInfo(id, parts)
		s.inbox.post(event{kind: evInfo, err: err, more: &eventMore{torrent: t}})
	}()
}

// submit hands a job to the disk. Its Done posts one event; there is one such event a job, so the room for it
// is bounded by the jobs that the core has out.
func (s *Swarm) submit(j *piece.Job) {
	s.jobs++
	j.Store = s.cfg.Store
	j.Done = s.done
	s.cfg.Disk.Submit(j)
}

func (s *Swarm) jobDone(r piece.Result) { s.inbox.post(event{kind: evDisk, result: r}) }
