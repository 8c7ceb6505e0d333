/* SPDX-License-Identifier: Apache-2.0 */
/* The host image: its layers are sound, and they follow the host's own links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "images/image.h"
#include "tests/helpers/scratch.h"

static char root[64];

static int set_up(void **state)
{
	(void)state;
	return scratch_make("image", root);
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove(root);
}

static void make_directory(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void make_link(const char *text, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(symlink(text, path), 0);
}

static const struct image_layer *find(const struct image *image, const char *target)
{
	for (size_t i = 0; i < image->layer_count; i++)
		if (strcmp(image->layers[i].target, target) == 0)
			return &image->layers[i];
	return NULL;
}

static void every_layer_is_sound(void **state)
{
	(void)state;
	for (size_t r = 0; r < image_row_count; r++) {
		assert_true(strlen(image_rows[r].description) > 0);
		for (size_t i = 0; i < *image_rows[r].layer_count; i++) {
			const struct image_layer *layer = &image_rows[r].layers[i];

			assert_int_equal(layer->target[0], '/');
			assert_null(strstr(layer->target, ".."));
			assert_int_equal(layer->kind == IMAGE_LAYER_FILE, layer->content != NULL);
			assert_int_equal(layer->kind == IMAGE_LAYER_BIND ||
						 layer->kind == IMAGE_LAYER_SYMLINK,
					 layer->source != NULL);
			assert_true(layer->kind == IMAGE_LAYER_BIND || !layer->optional);
			for (size_t k = 0; k < i; k++)
				assert_string_not_equal(layer->target,
							image_rows[r].layers[k].target);
		}
	}
}

/* What may come from the host's /etc is a short list: this test has to be told of more. */
static void only_public_parts_of_etc_are_bound(void **state)
{
	static const char *const allowed[] = {"/etc/ld.so.cache", "/etc/alternatives",
					      "/etc/ssl/certs", "/etc/fonts"};
	struct image image = {0};

	(void)state;
	assert_int_equal(image_resolve(IMAGE_DEFAULT, &image, NULL), 0);
	for (size_t i = 0; i < image.layer_count; i++) {
		bool is_allowed = false;

		if (image.layers[i].kind != IMAGE_LAYER_BIND ||
		    strncmp(image.layers[i].source, "/etc", 4) != 0)
			continue;
		for (size_t k = 0; k < sizeof(allowed) / sizeof(allowed[0]); k++)
			is_allowed |= strcmp(image.layers[i].source, allowed[k]) == 0;
		assert_true(is_allowed);
		assert_true(image.layers[i].optional);
	}
	image_finish(&image);
}

static void accounts_are_generated(void **state)
{
	struct image image = {0};

	(void)state;
	assert_int_equal(image_resolve(IMAGE_DEFAULT, &image, NULL), 0);
	assert_non_null(strstr(find(&image, "/etc/passwd")->content, "\ntask:x:1000:1000:"));
	assert_non_null(strstr(find(&image, "/etc/group")->content, "\ntask:x:1000:"));
	assert_string_equal(find(&image, "/etc/resolv.conf")->content, "");
	assert_null(find(&image, "/etc/shadow"));
	assert_null(find(&image, "/etc/hostname")); /* the sandbox's own */
	image_finish(&image);
	image_finish(&image); /* once more does nothing */
}

static void a_merged_usr_keeps_its_links(void **state)
{
	struct image image = {0};

	(void)state;
	make_directory("usr");
	make_link("usr/bin", "bin");
	make_link("/usr/sbin", "sbin");
	make_link("usr/lib", "lib");
	assert_int_equal(image_resolve_under(root, "host", &image, NULL), 0);
	assert_int_equal(find(&image, "/usr")->kind, IMAGE_LAYER_BIND);
	assert_int_equal(find(&image, "/bin")->kind, IMAGE_LAYER_SYMLINK);
	assert_string_equal(find(&image, "/bin")->source, "usr/bin");
	assert_string_equal(find(&image, "/sbin")->source, "/usr/sbin");
	assert_null(find(&image, "/lib64")); /* this host has none */
	image_finish(&image);
}

static void a_split_usr_is_bound(void **state)
{
	struct image image = {0};

	(void)state;
	make_directory("usr");
	make_directory("bin");
	make_directory("lib");
	assert_int_equal(image_resolve_under(root, "host", &image, NULL), 0);
	assert_int_equal(find(&image, "/bin")->kind, IMAGE_LAYER_BIND);
	assert_int_equal(find(&image, "/lib")->kind, IMAGE_LAYER_BIND);
	assert_null(find(&image, "/sbin"));
	image_finish(&image);
}

static void a_host_without_usr_is_an_error(void **state)
{
	struct image image = {0};
	struct berth_error err;

	(void)state;
	assert_int_equal(image_resolve_under(root, "host", &image, &err), -1);
	assert_int_equal(err.code, BERTH_SYSTEM);
	assert_null(image.layers);
}

static void unknown_images_name_the_known(void **state)
{
	struct image image = {0};
	struct berth_error err;

	(void)state;
	assert_int_equal(image_resolve("debian\n", &image, &err), -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	assert_string_equal(err.message, "no image \"debian\\x0a\"; known are: host");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_layer_is_sound),          TEST(only_public_parts_of_etc_are_bound),
		TEST(accounts_are_generated),        TEST(a_merged_usr_keeps_its_links),
		TEST(a_split_usr_is_bound),          TEST(a_host_without_usr_is_an_error),
		TEST(unknown_images_name_the_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
