#include "proto/wire/term.h"

#include <gtest/gtest.h>

#include "tests/unit/proto/wire/hex.h"

namespace bp2p {
namespace {

struct Golden {
  const char* encoded;
  const char* printed;
};

// Made with OTP 27: term_to_binary/1 in hexadecimal, io:format("~0tp").
constexpr Golden from_erlang[] = {
    {"836100", "0"},
    {"8361ff", "255"},
    {"8362ffffffff", "-1"},
    {"83627fffffff", "2147483647"},
    {"836e040000000080", "2147483648"},
    {"836e08010000000000000080", "-9223372036854775808"},
    {"836e0800ffffffffffffff7f", "9223372036854775807"},
    {"836e0900000000000000000001", "18446744073709551616"},
    {"836e0d01d20a3f4eeee073c3f60fe98e01", "-123456789012345678901234567890"},
    {"83463ff0000000000000", "1.0"},
    {"83463fb999999999999a", "0.1"},
    {"83468000000000000000", "-0.0"},
    {"83464202a05f20000000", "1.0e10"},
    {"83464480f0cf064dd592", "1.0e22"},
    {"834644b52d02c7e14af6", "1.0e23"},
    {"834640fe240c9fbe76c9", "123456.789"},
    {"83463ee4f8b588e368f1", "1.0e-5"},
    {"83463f50624dd2f1a9fc", "0.001"},
    {"83467e41eb2d66005835", "1.5e300"},
    {"834640f86a0000000000", "1.0e5"},
    {"8346430c6bf526340000", "1.0e15"},
    {"83464340000000000000", "9.007199254740992e15"},
    {"83464345ee2a2eb5a5c4", "1.2345678901234568e16"},
    {"83463f1f75104d551d69", "1.2e-4"},
    {"8377026f6b", "ok"},
    {"8377024162", "'Ab'"},
    {"83770b68656c6c6f20776f726c64", "'hello world'"},
    {"8377056d61796265", "'maybe'"},
    {"837704656c7365", "'else'"},
    {"837703656e64", "'end'"},
    {"837700", "''"},
    {"8377056140682e62", "'a@h.b'"},
    {"837703614068", "a@h"},
    {"83770469742773", "'it\\'s'"},
    {"836a", "[]"},
    {"836b000568656c6c6f", "\"hello\""},
    {"836b0003010203", "[1,2,3]"},
    {"836c00000001770161770162", "[a|b]"},
    {"836b00020a0d", "\"\\n\\r\""},
    {"836b0003612262", "\"a\\\"b\""},
    {"836d00000000", "<<>>"},
    {"836d0000000362696e", "<<\"bin\">>"},
    {"836d000000030102ff", "<<1,2,255>>"},
    {"834d0000000103a0", "<<5:3>>"},
    {"834d0000000203ffe0", "<<255,7:3>>"},
    {"836800", "{}"},
    {"8368027701616801770162", "{a,{b}}"},
    {"837400000000", "#{}"},
    {"8374000000027701626c000000017701786a7701616101", "#{b => [x],a => 1}"},
    {"836c000000036c000000017701616a6b0001786801463ff80000000000006a", "[[a],\"x\",{1.5}]"},
};

TEST(ATerm, PrintsAsErlangPrintsIt) {
  for (const auto& [encoded, printed] : from_erlang) {
    const auto term = decode_term(test::from_hex(encoded));
    ASSERT_TRUE(term.has_value()) << printed << ": " << describe(term.error());
    EXPECT_EQ(print_term(*term), printed);
  }
}

TEST(ATerm, IsWrittenAsItIsRead) {
  for (const auto& [encoded, printed] : from_erlang) {
    const auto term = decode_term(test::from_hex(encoded));
    const auto again = decode_term(encode_term(*term));
    ASSERT_TRUE(again.has_value()) << printed;
    EXPECT_EQ(*again, *term) << printed;
    EXPECT_EQ(print_term(*again), printed);
  }
}

TEST(ATerm, NamesTheNodeOfAPidPortOrReference) {
  EXPECT_EQ(print_term({Pid{"a@h", 98, 1, 4}}), "#Pid<a@h.98.1>");
  EXPECT_EQ(print_term({Port{"a@h", 7, 4}}), "#Port<a@h.7>");
  EXPECT_EQ(print_term({Reference{"a@h", 4, {1, 2, 3}}}), "#Ref<a@h.3.2.1>");
  for (const Term& term : {Term{Pid{"a@h", 98, 1, 4}}, Term{Port{"a@h", 7, 4}}, Term{Reference{"a@h", 4, {1, 2, 3}}}})
    EXPECT_EQ(*decode_term(encode_term(term)), term);
}

TEST(ATerm, CutAnywhereIsTruncated) {
  for (const auto& [encoded, printed] : from_erlang) {
    const Bytes whole = test::from_hex(encoded);
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(decode_term(ByteView{whole}.first(size)).has_value()) << printed << " cut at " << size;
  }
}

TEST(ATerm, SaysWhatIsWrong) {
  const auto error = [](const char* hex) { return decode_term(test::from_hex(hex)).error(); };
  EXPECT_EQ(error(""), TermError::truncated);
  EXPECT_EQ(error("846101"), TermError::bad_version);
  EXPECT_EQ(error("83610100"), TermError::trailing_bytes);
  EXPECT_EQ(error("835000000001"), TermError::unknown_tag) << "compressed";
  EXPECT_EQ(error("8352"), TermError::unknown_tag) << "the atom cache";
  EXPECT_EQ(error("8370"), TermError::unknown_tag) << "a fun";
  EXPECT_EQ(error("836cffffffff6101"), TermError::truncated) << "a length that is not there is not allocated";
  EXPECT_EQ(error("8369ffffffff"), TermError::truncated);
  EXPECT_EQ(error("8374ffffffff61016102"), TermError::truncated);
  EXPECT_EQ(error("836dffffffff00"), TermError::truncated);
  EXPECT_EQ(error("83467ff8000000000000"), TermError::bad_value) << "NaN";
  EXPECT_EQ(error("837702c3"), TermError::truncated);
  EXPECT_EQ(error("837701ff"), TermError::bad_atom);
  EXPECT_EQ(error("836f000001010001"), TermError::too_large) << "a number of 257 bytes";
  EXPECT_EQ(error("834d0000000109ff"), TermError::bad_value);
}

TEST(ATerm, HasBoundedDepthAndSize) {
  Bytes nested{std::byte{131}};
  for (int i = 0; i < 40; ++i) nested.insert(nested.end(), {std::byte{104}, std::byte{1}});
  nested.push_back(std::byte{106});
  EXPECT_EQ(decode_term(nested).error(), TermError::too_deep);

  Writer many;
  many.u8(131).u8(108).u32(5000);
  for (int i = 0; i < 5000; ++i) many.u8(106);
  many.u8(106);
  EXPECT_EQ(decode_term(many.take()).error(), TermError::too_many_terms);
  Writer characters;
  characters.u8(131).u8(107).u16(5000).raw(Bytes(5000));
  EXPECT_EQ(decode_term(characters.take()).error(), TermError::too_many_terms);
  EXPECT_EQ(decode_term(Bytes(65537)).error(), TermError::too_large);
}

}  // namespace
}  // namespace bp2p
