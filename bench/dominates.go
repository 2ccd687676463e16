package main

// nowDominates says of each scenario what it spends its time on now. Shares are of the server's CPU time as perf record -g shows them on the running process; an account
// without shares says what it rests on. Whoever changes what dominates changes it here.
func nowDominates() map[string]string {
	const unprofiled = " (No profile was taken for this page.)"
	return map[string]string{
		"push-image": "The floor, which only receives, hashes, writes and syncs, takes four fifths of berth's CPU time: SHA-256 and copying dominate. Half of distribution's time is little more than that floor, so what there is " +
			"left to win is small as long as each byte is hashed once in Go." + unprofiled,
		"pull-image": "sendfile: 58% of the CPU time, nearly all of it the kernel's copying to the socket. A near client gets a small send buffer (docs/decisions/near-clients-small-buffer.md).",
		"manifest-get": "Go's HTTP server and the kernel below it: 45% outside of berth's own code, writing the answer to the socket alone 20%. Sign-in, decision and manifest come out of memory, and all of berth's handling is 26%; writing " +
			"the audit records of reads, in batches, is 10%, and switching goroutines 13%. olareg reads the index of the repository, so that it is fast while little was pushed there; this run had new installations.",
		"manifest-get-many": "As manifest-get, and queries for what is not in memory." + unprofiled,
		"blob-get":          "As manifest-get: small blobs are in rows and in memory." + unprofiled,
		"blob-push": "The writer, which runs the statements of all clients in turn and commits them together: 48% of the CPU time, of which writing pages to the log and syncing it is 18%. Handling of requests is 34%, 20% of it berth's own. A push is " +
			"two durable writes, one for the upload and one for the layer.",
		"push-small-image": "As blob-push: ten requests make seven durable writes, and that of the manifest writes its tag and references too. Statements of several tables were planned anew at each run, 11% of the CPU time, until SQLite was told to " +
			"keep plans (storage/sql/plan.go).",
		"large-out":   "sendfile, as pull-image." + unprofiled,
		"large-in":    "SHA-256 and copying, as push-image: the floor takes as long. The disk decides, and runs differ by half." + unprofiled,
		"memory":      "Buffers of uploads that are under way, caches of manifests and small blobs, and SQLite's page caches of 2 MB for each connection." + unprofiled,
		"memory-idle": "The program with the models of the AWS services, and what starting leaves on the heap." + unprofiled,
		"listing":     "The rows of the page, by an index in the order of the list: the end of a list costs what its beginning does." + unprofiled,
		"lifecycle":   "Matching the names of tags with the rules, and reading images in order of push time." + unprofiled,
		"start":       "Opening the database and checking its schema: nothing is read that grows with the number of images, as the scenario scale shows." + unprofiled,
		"tags-page": "SQLite walking the index of tags, and handing over each name. Looking up the image of each tag, to leave out archived ones, was 60% until it was asked once whether the repository has any; a page now costs a seventh " +
			"of what it did.",
		"pull-while-collecting": "The median of the pulls and the CPU time stay what they are; the slowest of a hundred wait, for what no profile of the CPU shows. It may be the journal of the file system, which the collection's commits and deletions " +
			"of files keep busy; that is not proven. The machine had other work on the same disk, and the p99 of calm pulls differed by six from one turn to the next. In the figures above each p99 is of a whole turn; later runs " +
			"take the median of windows of ten seconds.",
		"scale": "What is in memory costs the same at each size, and so does whatever writes. \"Any repository\" is in memory as a whole in the small registry and not in the large one: repository, tag and manifest are then read from SQLite, which is " +
			"0.15 to 0.2 ms more. Holding all of them would take memory that grows with the registry. The memory that does grow is caches up to their bounds, which the small registry does not fill." + unprofiled,
		"two-nodes": "The nodes' own CPU time, which is the same for a pull with one node and with two: they share nothing but PostgreSQL and S3, which take a twentieth of it or less." + unprofiled,
		"fair": "Both processors are at work, the generator of the flood only when nobody else wants to be. A manifest of the other account is in the server for some milliseconds in place of 0.2: requests whose headers have just been read, answers " +
			"that are being written and the writer of SQLite run beside those that have a turn, and no line orders these. A push is seven writes, one after the other, and each waits for the commit that is under way and for its own; with the flood " +
			"a commit carries some twenty writes, which takes it from 2.6 to 7 ms on this disk. Before the network was looked at between turns, and SQLite's writes stood in one line, a manifest took 4,600 ms in the middle, a push 12,000. " +
			"Other work was going on on this machine.",
	}
}
