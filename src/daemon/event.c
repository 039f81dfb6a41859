/* SPDX-License-Identifier: BSD-3-Clause */
#include "event.h"

#include <json-c/json.h>
#include <stdio.h>
#include <time.h>

#include "card.h"
#include "control.h"
#include "daemon.h"
#include "function.h"

struct json_object *event_time(const struct timespec *time)
{
	struct timespec t;
	char text[40];

	if (time)
		t = *time;
	else
		clock_gettime(CLOCK_REALTIME, &t);
	snprintf(text, sizeof(text), "%lld.%03ld", (long long)t.tv_sec, t.tv_nsec / 1000000);
	return json_object_new_double_s((double)t.tv_sec + (double)t.tv_nsec / 1e9, text);
}

struct json_object *event_new(struct daemon *daemon, const char *event, const char *card,
			      int vf)
{
	struct json_object *obj;

	if (!control_has_monitors(daemon->control))
		return NULL;
	obj = json_object_new_object();
	json_object_object_add(obj, "event", json_object_new_string(event));
	json_object_object_add(obj, "time", event_time(NULL));
	if (card)
		json_object_object_add(obj, "card", json_object_new_string(card));
	if (vf >= 0)
		json_object_object_add(obj, "vf", json_object_new_int(vf));
	return obj;
}

void event_emit(struct daemon *daemon, struct json_object *event)
{
	if (!event)
		return;
	control_broadcast(daemon->control, event);
	json_object_put(event);
}

/* An event of a function, whatever its kind. */
static struct json_object *of_function(struct daemon *daemon, const char *event,
				       const struct function *fn)
{
	bool vf = fn->kind == &function_vf;
	struct json_object *obj =
		event_new(daemon, event, fn->card->name, vf ? (int)fn->n : -1);

	if (!obj || vf)
		return obj;
	json_object_object_add(obj, fn->kind->word,
			       fn->n == NIC_PF ? json_object_new_boolean(true)
					       : json_object_new_int((int)fn->n));
	return obj;
}

void event_attached(struct daemon *daemon, const struct function *fn)
{
	struct json_object *obj = of_function(daemon, "attached", fn);

	if (!obj)
		return;
	json_object_object_add(obj, "pid", json_object_new_int(fn->client.pid));
	json_object_object_add(obj, "uid", json_object_new_int64(fn->client.uid));
	event_emit(daemon, obj);
}

void event_reason(struct daemon *daemon, const char *event, const struct function *fn,
		  const char *reason)
{
	struct json_object *obj = of_function(daemon, event, fn);

	if (!obj)
		return;
	json_object_object_add(obj, "reason", json_object_new_string(reason));
	event_emit(daemon, obj);
}

void event_refused(struct daemon *daemon, const struct function *fn, pid_t pid, uid_t uid,
		   const char *reason)
{
	struct json_object *obj = of_function(daemon, "refused", fn);

	if (!obj)
		return;
	json_object_object_add(obj, "pid", json_object_new_int(pid));
	json_object_object_add(obj, "uid", json_object_new_int64(uid));
	json_object_object_add(obj, "reason", json_object_new_string(reason));
	event_emit(daemon, obj);
}

void event_unlock(struct daemon *daemon, const struct function *fn, unsigned seconds)
{
	struct json_object *obj = of_function(daemon, "unlock", fn);

	if (!obj)
		return;
	json_object_object_add(obj, "seconds", json_object_new_int((int)seconds));
	event_emit(daemon, obj);
}

void event_token(struct daemon *daemon, const struct card *card, bool set, const char *by)
{
	struct json_object *obj = event_new(daemon, "token", card->name, -1);

	if (!obj)
		return;
	json_object_object_add(obj, "set", json_object_new_boolean(set));
	json_object_object_add(obj, "by", json_object_new_string(by));
	event_emit(daemon, obj);
}

void event_sriov(struct daemon *daemon, const struct function *pf, unsigned vfs)
{
	struct json_object *obj = of_function(daemon, "sriov", pf);

	if (!obj)
		return;
	json_object_object_add(obj, "vfs", json_object_new_int((int)vfs));
	event_emit(daemon, obj);
}

void event_owner(struct daemon *daemon, const struct card *card, const char *owner)
{
	struct json_object *obj = event_new(daemon, "owner", card->name, -1);

	if (!obj)
		return;
	json_object_object_add(obj, "policy_owner", json_object_new_string(owner));
	event_emit(daemon, obj);
}

void event_card(struct daemon *daemon, const char *event, const struct card *card)
{
	event_emit(daemon, event_new(daemon, event, card->name, -1));
}

void event_vf(struct daemon *daemon, const char *event, const struct card *card, unsigned vf)
{
	event_emit(daemon, event_new(daemon, event, card->name, (int)vf));
}

void event_link(struct daemon *daemon, const struct card *card, unsigned vf, bool up)
{
	struct json_object *obj = event_new(daemon, "link", card->name, (int)vf);

	if (!obj)
		return;
	json_object_object_add(obj, "up", json_object_new_boolean(up));
	event_emit(daemon, obj);
}
