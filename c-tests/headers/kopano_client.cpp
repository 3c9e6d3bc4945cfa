// SPDX-License-Identifier: MIT OR Apache-2.0
// A client in Kopano's world: its IUnknown stays its own, and our interfaces stay COM's.
#include "kopano_like.h"

#include <mapioffline.h>

#include "neighbours.h"

#include <type_traits>

static_assert(!std::is_base_of<IUnknown, IMAPIOffline>::value, "our interfaces do not begin with that IUnknown");
static_assert(!std::has_virtual_destructor<IMAPIOfflineMgr>::value, "COM's interfaces have no destructor");

namespace {

// An object of Kopano's, which has nothing to do with ours.
class folder : public IUnknown {
public:
    ULONG AddRef() override {
        return ++references_;
    }
    ULONG Release() override {
        return --references_;
    }
    HRESULT QueryInterface(REFIID refiid, void **object) override {
        *object = refiid == IID_IUnknown ? this : nullptr;
        return *object != nullptr ? S_OK : E_NOINTERFACE;
    }

private:
    ULONG references_ = 1;
};

} // namespace

int main() {
    folder theirs;
    void *itself = nullptr;
    NEIGHBOUR_REQUIRE(theirs.QueryInterface(IID_IUnknown, &itself) == S_OK && theirs.AddRef() == 2);
    IMAPIOfflineMgr *manager = nullptr;
    NEIGHBOUR_REQUIRE(HrOpenOfflineObj(0, L"Kopano", &GUID_GlobalState, nullptr, &manager) == S_OK);
    // What is passed as a parent is recognised by its vtable: an object of theirs is refused, not called.
    MAPIOFFLINE_CREATEINFO info = {};
    IMAPIOfflineMgr *child = nullptr;
    info.ulSize = sizeof(info);
    info.pwszProfileName = L"Kopano";
    info.pParent = reinterpret_cast<IMAPIOfflineMgr *>(&theirs);
    NEIGHBOUR_REQUIRE(HrCreateOfflineObj(0, &info, &child) == E_INVALIDARG && child == nullptr);
    return neighbour_hears_one_change(manager);
}
