package main

// nowDominates says of each scenario what it spends its time on now, from profiles of the server (perf record -g on the running process). Whoever changes that changes it here.
func nowDominates() map[string]string {
	return map[string]string{
		"push-image": "SHA-256 of the layers and the kernel's copying of them from the socket and into files; the floor, which does nothing else, takes four fifths of berth's CPU time. Half of distribution's time is below that floor: " +
			"the target is out of reach as long as each byte is hashed once in Go.",
		"pull-image": "sendfile in the kernel: nearly all of it is copying to the socket. A near client gets a small send buffer (docs/decisions/near-clients-small-buffer.md).",
		"manifest-get": "The HTTP server of Go (reading the request, writing the header, and the system calls of both) takes two thirds; credential, policies and manifest come out of memory, and deciding allocates nothing. olareg reads " +
			"the index of the repository, so that it depends on how much was pushed there before: it is fast while there is little.",
		"manifest-get-many": "As manifest-get, and a query of tag and manifest for what is not in memory: of 100,000 images some thousands are.",
		"blob-get":          "As manifest-get: small blobs are in rows and in memory.",
		"blob-push": "Two durable writes, for the upload and for the layer, each a share of a commit. The writer runs the statements of all clients in turn (40% of the CPU time; copying and checksumming pages into the log is a third of that), " +
			"the HTTP server takes a fifth, switching between goroutines that wait for the commit a seventh.",
		"push-small-image": "As blob-push: ten requests make seven durable writes, and the statements of the manifest with its tag and references are as many as those of two blobs. Statements of several tables were planned anew at " +
			"each run until SQLite was told to keep plans (storage/sql/plan.go): that took 28% off.",
		"large-out":   "sendfile, as pull-image.",
		"large-in":    "SHA-256 and copying, as push-image; the floor takes nine tenths of berth's time.",
		"memory":      "Buffers of uploads that are under way, caches of manifests and small blobs, and SQLite's page caches of 2 MB for each connection.",
		"memory-idle": "The program itself: code and tables of the AWS service models and of SQLite that start touches, and the first pages of the caches.",
		"listing":     "Rows of the page, by an index in the order of the list: the end of a list costs what its beginning does. JSON and signature verification are the rest of DescribeImages.",
		"lifecycle":   "Matching the names of tags with the rules, and reading images in order of push time.",
		"start":       "Opening the database, checking that its schema is whole, and reading the keys: nothing is read that grows with the number of images.",
		"tags-page": "SQLite walking the index of tags, and a call for each row to hand the name over. Looking up the image of each tag, to leave out the archived ones, was two thirds until it was asked once " +
			"whether the repository has any.",
		"pull-while-collecting": "The median of the pulls does not change, nor the CPU time: a pull takes no lock that the collection holds, and reads from memory or by a connection of its own. The slowest of a hundred do wait, " +
			"for what no profile of the CPU shows; the collection's commits and deletions of files keep the journal of the file system busy. The figures are of a machine with other work on the same disk, on which the p99 of calm " +
			"pulls too differed by six from one turn to the next.",
		"scale": "What is in memory costs the same at each size. \"Any repository\" is not in memory in the large registry, and is as a whole in the small one: a request then reads repository, tag and manifest from SQLite, a tenth to a fifth of a " +
			"millisecond. Holding all would need memory that grows with the registry; that is not done. The memory that does grow is caches being filled up to their bounds, which the small registry does not do. To start costs the same, as does " +
			"whatever writes.",
		"two-nodes": "The nodes' own CPU time: they share nothing but PostgreSQL, which each asks four times a second whether something changed, and S3, which pulls of small images do not need.",
	}
}
