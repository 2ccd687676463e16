package registry_test

import "github.com/berth-registry/berth/storage/sql/sqltest"

// excuses are why statements of the registry may read a whole table, or sort.
func excuses() sqltest.Excuses {
	return sqltest.Excuses{
		"iam_":                           "the tests of identity/iam look at its statements",
		"SCAN collection":                "one row",
		"SCAN scrub":                     "one row",
		"SEARCH lifecycle USING":         "one row for each repository",
		"SEARCH lifecycle_preview USING": "likewise",
		"SEARCH lifecycle_count USING":   "likewise",
		"WHERE region = $1 OR $1 = ''":   "fsck reads everything",
		"SELECT EXISTS (SELECT 1 FROM manifest WHERE repository_id":  "ends at the first",
		"EXISTS (SELECT 1 FROM image_lock WHERE repository_id = $4)": "ends at the first",
		"SELECT m.digest FROM manifest_ref f CROSS JOIN manifest m":  "sorts the children of one index",
		"DELETE FROM repository WHERE id = $1":                       "has been emptied before",
		"SELECT id FROM repository WHERE account = ''":               "those that were deleted, and are being emptied",
		"DELETE FROM lifecycle_preview_result":                       "what the preview before found",
		"UPDATE layer AS x SET lease_until":                          "fsck reads everything",
		"SCAN sqlite_master":                                         "the tables, not their rows",
		"SCAN blob USING INDEX blob_suspect":                         "the index has nothing but what is damaged",
		"SCAN m USING COVERING INDEX manifest_activating":            "the index has nothing but images that are being brought back",
		"SELECT EXISTS (SELECT 1 FROM blob WHERE archived)":          "ends at the first, and the index has no others",
		"SELECT EXISTS (SELECT 1 FROM condemned_blob)":               "ends at the first",
		"FROM condemned_blob c JOIN blob b":                          "what can be reclaimed, which is counted once after a collection",
		"SELECT count(*), COALESCE(sum(size), 0) FROM dead_object":   "likewise",
		"SELECT count(*) FROM upload":                                "uploads that have begun, likewise",
		"SELECT CAST(COALESCE(sum(size), 0) AS BIGINT) FROM blob":    "once for each pass of the scrub, which reads every byte",
		"FROM blob WHERE key <> '' AND archived = $1 ORDER BY id":    "at a start with a store that has no mark, and when an object is missing",
		"SELECT key, archive, size, since FROM dead_object":          "sorts those of one microsecond",
		"FROM removed_image WHERE removed_at <= $1":                  "sorts those of one microsecond, which are of one transaction",
		"FROM removed_image WHERE removal = $1":                      "sorts what one removal took",
		"INSERT INTO blob_review (blob_id, due, key, archive)":       "the layers of one image, each once",
		"FROM image_lock WHERE repository_id = $1 AND target IN":     "sorts the locks on one image and its tags",
		"SELECT subject, digest FROM manifest":                       "sorts what refers to the images that are shown",
		"FROM inventory_image u JOIN inventory i":                    "sorts the sources that report one image; an account has a limited number of them",
		"SELECT count(DISTINCT source) FROM inventory":               "the sources of one account, which are limited",
		"SELECT source, region, reported_by":                         "likewise",
		"LEFT JOIN tag t ON t.repository_id = $1":                    "sorts the tags of one image at a time, of which an image has a limited number",
		"ACTIVATING ORDER BY pushed_at DESC, digest DESC LIMIT":      "merges three lists, each of a page",
		"SELECT r.account, r.region, r.name FROM layer l":            "sorts the repositories that have one damaged layer, for fsck to name one",
		"INSERT INTO condemned_blob (blob_id, since, round) SELECT":  "the collection is one row",
	}
}
