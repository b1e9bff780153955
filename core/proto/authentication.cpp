// See authentication.hpp.
// World: programs.
#include "core/proto/authentication.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <vector>

namespace stasis::proto {

std::string proof(std::string_view key, std::string_view role, std::string_view challenge, std::string_view part) {
  std::string text;
  for (const std::string_view field : {role, challenge, part}) text.append(field).push_back('\0');
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &length) == nullptr) return {};
  std::string hex;
  for (unsigned i = 0; i != length; ++i) hex += "0123456789abcdef"[digest[i] >> 4], hex += "0123456789abcdef"[digest[i] & 15];
  return hex;
}

bool is_same_proof(std::string_view left, std::string_view right) {
  return !left.empty() && left.size() == right.size() && ::CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string random_hex(std::size_t bytes) {
  std::vector<unsigned char> raw(bytes);
  static_cast<void>(!::getrandom(raw.data(), raw.size(), 0));
  std::string text;
  for (const unsigned char byte : raw) text += "0123456789abcdef"[byte >> 4], text += "0123456789abcdef"[byte & 15];
  return text;
}

}  // namespace stasis::proto
