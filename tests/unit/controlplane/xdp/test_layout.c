/* SPDX-License-Identifier: BSD-3-Clause */
/* Layouts as numbers: two of the same size are not taken for one, and a name alone changes nothing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/sluice_xdp.h"
#include "bpf/sluice_xdp.skel.h"
#include "controlplane/xdp/layout.h"

static struct btf *btf;
static int byte, word;

static int begin(void **state)
{
	(void)state;
	btf = btf__new_empty();
	byte = btf__add_int(btf, "unsigned char", 1, 0);
	word = btf__add_int(btf, "unsigned int", 4, 0);
	return byte > 0 && word > 0 ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	btf__free(btf);
	return 0;
}

struct field {
	const char *name;
	int type;
	uint32_t bits;
};

/* A struct of 8 bytes with two fields. */
static int two(const char *name, struct field first, struct field second)
{
	int id = btf__add_struct(btf, name, 8);

	assert_true(id > 0);
	assert_int_equal(btf__add_field(btf, first.name, first.type, first.bits, 0), 0);
	assert_int_equal(btf__add_field(btf, second.name, second.type, second.bits, 0), 0);
	return id;
}

static uint64_t hash(int type)
{
	return xdp_layout_hash(btf, (uint32_t)type);
}

static void what_differs_has_another_number(void **state)
{
	const struct field a = { "a", word, 0 }, b = { "b", word, 32 };
	int plain = two("s", a, b), array = btf__add_array(btf, word, byte, 4);
	int others[] = {
		two("s", b, a),
		two("s", (struct field){ "b", word, 0 }, (struct field){ "a", word, 32 }),
		two("s", a, (struct field){ "c", word, 32 }),
		two("s", a, (struct field){ "b", byte, 32 }),
		two("s", a, (struct field){ "b", byte, 40 }),
		two("s", a, (struct field){ "b", array, 32 }),
		two("s", a, (struct field){ "b", btf__add_array(btf, word, byte, 3), 32 }),
		two("s", a, (struct field){ "b", btf__add_int(btf, "int", 4, BTF_INT_SIGNED), 32 }),
	};
	enum { OTHERS = sizeof(others) / sizeof(others[0]) };

	(void)state;
	for (int i = 0; i < OTHERS; i++) {
		assert_true(hash(others[i]) != hash(plain));
		for (int j = 0; j < i; j++)
			assert_true(hash(others[i]) != hash(others[j]));
		/* in an array of them, too */
		assert_true(hash(btf__add_array(btf, word, others[i], 2)) !=
			    hash(btf__add_array(btf, word, plain, 2)));
	}
}

static void another_name_of_a_type_is_the_same(void **state)
{
	const struct field a = { "a", word, 0 };
	int renamed = btf__add_typedef(btf, "u32", btf__add_volatile(btf, word));
	int plain = two("s", a, (struct field){ "b", word, 32 });

	(void)state;
	assert_true(hash(two("t", a, (struct field){ "b", renamed, 32 })) == hash(plain));
	assert_true(hash(btf__add_typedef(btf, "s_t", plain)) == hash(plain));
	assert_true(hash(0) != hash(plain));
}

/* The values of all maps are described: an unknown type would have no fields. */
static void maps_of_the_program_are_described(void **state)
{
	struct sluice_xdp *skel = sluice_xdp__open();
	const struct bpf_map *map;
	unsigned int described = 0;

	(void)state;
	assert_non_null(skel);
	bpf_object__for_each_map(map, skel->obj)
	{
		uint32_t type = bpf_map__btf_value_type_id(map);

		/* Bytes, and not kept; maps, which are described by themselves. */
		if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF || bpf_map__inner_map((void *)map))
			continue;
		assert_true(type != 0);
		described += xdp_layout_hash(bpf_object__btf(skel->obj), type) != hash(0);
	}
	assert_true(described >= 10);
	assert_true(xdp_layout_hash(bpf_object__btf(skel->obj),
				    bpf_map__btf_value_type_id(skel->maps.xdp_flows)) !=
		    xdp_layout_hash(bpf_object__btf(skel->obj),
				    bpf_map__btf_value_type_id(skel->maps.xdp_cpus)));
	sluice_xdp__destroy(skel);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_differs_has_another_number),
		TEST(another_name_of_a_type_is_the_same),
		TEST(maps_of_the_program_are_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
